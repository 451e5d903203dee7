// The worker serves GET /livez and GET /metrics, without loading Fastify.
export { startProbeServer } from '@contour/http/probe-server';
