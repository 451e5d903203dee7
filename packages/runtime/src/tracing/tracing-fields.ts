import { z } from 'zod';
import { url } from '../env.ts';

/** `name=value,name=value` with percent-encoded values; the message shows neither. */
function headerList() {
  return z
    .string()
    .transform((text, context): Record<string, string> => {
      const entries = text.split(',').map((entry) => /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(entry));
      try {
        const headers = new Headers();
        for (const [, name = '', value = ''] of entries.map((entry) => entry ?? [])) {
          headers.append(name, decodeURIComponent(value));
        }
        return Object.fromEntries(headers);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be name=value,name=value' });
        return z.NEVER;
      }
    })
    .default({});
}

const hasNoUser = (text: string) => {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
};

const isRatio = (text: string) => /^(0|1|0?\.\d+|1\.0+)$/.test(text);

/** The settings of tracing, with OpenTelemetry's names. Spread them into the schema of a process that makes spans. */
export const tracingFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:'])
    .refine(hasNoUser, 'must hold no user: credentials go into OTEL_EXPORTER_OTLP_HEADERS')
    .optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headerList(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .refine(isRatio, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
};

export type TracingEnv = Readonly<z.infer<z.ZodObject<typeof tracingFields>>>;
