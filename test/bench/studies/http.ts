import { obviousService, ourService, sendThrough } from '../experiments/by-http.ts';
import { pourThrough } from '../experiments/by-stream.ts';
import { inPairs } from '../measure/pairs.ts';
import { cpuUs } from '../measure/run.ts';
import { nextLot, type Study, told, withBench } from '../study.ts';

/** The cost of a message by HTTP and by stream, and with the obvious service. */
export const HTTP_STUDY: Study = {
  name: 'http-and-streams',
  finds: ['http_vs_obvious_service', 'cpu_us_http', 'cpu_us_streams', 'streams_vs_http'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const service = await ourService(bench);
      const obvious = await obviousService(bench);
      const mix = () => ({ lot: nextLot(), count: size.messages });
      const ours = told(sheet, 'HTTP', () => sendThrough(bench, service, mix()));
      const theirs = told(sheet, 'obvious service', () => sendThrough(bench, obvious, mix()));
      const streams = told(sheet, 'streams', () => pourThrough(bench, service.pids, mix()));
      await inPairs(1, ours, theirs);
      const pairs = await inPairs(size.pairs, ours, theirs);
      await inPairs(1, streams, streams);
      const ways = await inPairs(size.pairs, streams, ours);

      const http = pairs.map(({ a }) => cpuUs(a));
      sheet.add(
        'http_vs_obvious_service',
        pairs.map(({ a, b }) => cpuUs(b) / cpuUs(a)),
      );
      sheet.add('cpu_us_http', http, 'µs');
      sheet.add(
        'cpu_us_obvious_service',
        pairs.map(({ b }) => cpuUs(b)),
        'µs',
      );
      sheet.add(
        'http_per_second',
        pairs.map(({ a }) => a.perSecond),
        '/s',
      );
      sheet.add(
        'cpu_us_streams',
        ways.map(({ a }) => cpuUs(a)),
        'µs',
      );
      sheet.add(
        'cpu_us_http_beside_streams',
        ways.map(({ b }) => cpuUs(b)),
        'µs',
      );
      sheet.add(
        'streams_per_second',
        ways.map(({ a }) => a.perSecond),
        '/s',
      );
      sheet.add(
        'streams_vs_http',
        ways.map(({ a, b }) => cpuUs(b) / cpuUs(a)),
      );
    }),
};
