#!/usr/bin/env node
/**
 * Asks a worker on this machine whether it is well; for containers without a shell and without curl.
 *
 * Usage: node dist/healthcheck.js [/livez | /readyz | /startupz]    (HTTP_HOST and HTTP_PORT as the worker has them)
 *
 * Prints the answer. Exit 0 when it is 200, else 1. Without an argument it asks /livez: an orchestrator that restarts what
 * is not healthy must not do so because a server is away.
 */
import {get} from 'node:http';

const TIMEOUT_MS = 4_000;

const {HTTP_HOST: host = '127.0.0.1', HTTP_PORT: port = '9464'} = process.env;
const path = process.argv[2] ?? '/livez';

if (!/^[1-9]\d*$/.test(port)) {
  finish(1, `HTTP_PORT is ${port}: a health check needs a fixed port`);
} else {
  const everywhere: Record<string, string> = {'0.0.0.0': '127.0.0.1', '::': '::1'};
  const url = {host: everywhere[host] ?? host, port, path, timeout: TIMEOUT_MS};
  const request = get(url, (answer) => {
    let body = '';
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => (body += part));
    answer.on('end', () => finish(answer.statusCode === 200 ? 0 : 1, body.trim()));
  });
  request.on('timeout', () => finish(1, `no answer within ${TIMEOUT_MS} ms`));
  request.on('error', (error) => finish(1, `no answer on ${url.host}:${port}: ${error.message}`));
}

function finish(code: number, text: string): never {
  process.stdout.write(`${text}\n`);
  process.exit(code);
}
