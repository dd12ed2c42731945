#!/usr/bin/env node
/**
 * Requests a probe of a worker on this machine. It is meant for containers without a shell and without curl.
 *
 * Usage: node dist/healthcheck.js [/livez | /readyz | /startupz]    (PROJECTOR_HTTP_HOST and PROJECTOR_HTTP_PORT as the worker has them)
 *
 * It prints the response. It exits with 0 if the status code is 200, else with 1. Without an argument it requests /livez, which does
 * not fail while Kafka or Redis is unreachable. An orchestrator restarts unhealthy containers, and a restart fixes no other server.
 */
import {get} from 'node:http';

const TIMEOUT_MS = 4_000;

const {PROJECTOR_HTTP_HOST: host = '127.0.0.1', PROJECTOR_HTTP_PORT: port = '9464'} = process.env;
const path = process.argv[2] ?? '/livez';

if (!/^[1-9]\d*$/.test(port)) {
  finish(1, `a health check requires a fixed port, but PROJECTOR_HTTP_PORT is ${port}`);
} else {
  const everywhere: Record<string, string> = {'0.0.0.0': '127.0.0.1', '::': '::1'};
  const url = {host: everywhere[host] ?? host, port, path, timeout: TIMEOUT_MS};
  const request = get(url, (answer) => {
    let body = '';
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => (body += part));
    answer.on('end', () => finish(answer.statusCode === 200 ? 0 : 1, body.trim()));
  });
  request.on('timeout', () => finish(1, `${url.host}:${port} did not respond within ${TIMEOUT_MS} ms`));
  request.on('error', (error) => finish(1, `the request to ${url.host}:${port} failed: ${error.message}`));
}

function finish(code: number, text: string): never {
  process.stdout.write(`${text}\n`);
  process.exit(code);
}
