import {setTimeout as sleep} from 'node:timers/promises';
import {lastLines, run, which} from '../command.js';
import type {ServerPorts} from '../environment.js';
import {ROOT} from '../folders.js';
import {StackError} from '../stackError.js';
import type {ServerAction} from '../stackState.js';

/** The servers only. The users of the stack start the worker and the connector themselves. */
const SERVICES = ['mysql', 'kafka', 'connect', 'redis'];
const PROBE_TIMEOUT_MS = 5000;
const WAIT_SECONDS = 240;
/** The same shutdown time as that of a native server, see RESTART_TERM_TIMEOUT_MS. */
const STOP_SECONDS = 30;
const POLL_MS = 200;

export interface ComposeProject {
  name: string;
  ports: ServerPorts;
}

/** Whether a Docker engine with Compose responds. The timeout keeps this short if the engine hangs. */
export async function dockerAnswers(): Promise<boolean> {
  if (which('docker') === undefined) return false;
  const options = {timeoutMs: PROBE_TIMEOUT_MS};
  const [engine, compose] = await Promise.all([
    run('docker', ['version', '--format', '{{.Server.Version}}'], options),
    run('docker', ['compose', 'version'], options),
  ]);
  return engine.ok && compose.ok;
}

export async function composeUp(project: ComposeProject, signal: AbortSignal | undefined): Promise<void> {
  const args = ['up', '--detach', '--wait', '--wait-timeout', String(WAIT_SECONDS), ...SERVICES];
  const result = await compose(project, args, signal);
  if (result.ok) return;
  const logs = await compose(project, ['logs', '--no-color', '--tail', '8', ...SERVICES], undefined);
  throw new StackError(
    `Docker Compose failed to start the servers:\n${lastLines(result.output, 12)}\n` +
      `The last lines of their logs:\n${lastLines(logs.stdout, 32)}`,
  );
}

export async function composeDown(project: ComposeProject): Promise<void> {
  const result = await compose(
    project,
    ['down', '--volumes', '--remove-orphans', '--timeout', '5'],
    undefined,
  );
  if (!result.ok)
    throw new StackError(`Docker Compose failed to stop the servers:\n${lastLines(result.output, 12)}`);
}

/** Acts on one service of the running project. The container and its volume are kept. */
export async function composeAct(
  project: ComposeProject,
  service: string,
  action: ServerAction,
): Promise<void> {
  // Some engines neither kill nor start the processes of a paused container, so it is unpaused first.
  const isPaused = action !== 'pause' && (await servicesThat(project, 'paused')).has(service);
  if (isPaused) await mustCompose(project, ['unpause', service]);
  const args: Record<ServerAction, string[]> = {
    kill: ['kill', '--signal', 'SIGKILL', service],
    stop: ['stop', '--timeout', String(STOP_SECONDS), service],
    start: ['up', '--detach', '--no-deps', '--no-recreate', service],
    pause: ['pause', service],
    resume: [],
  };
  if (args[action].length > 0) await mustCompose(project, args[action]);
  if (action === 'start') await whenHealthy(project, service);
}

/** Polls the health, because `up --wait` fails at once if a container is unhealthy after a pause. */
async function whenHealthy(project: ComposeProject, service: string): Promise<void> {
  const container = (await mustCompose(project, ['ps', '--all', '--quiet', service])).trim();
  const deadlineMs = performance.now() + WAIT_SECONDS * 1_000;
  for (;;) {
    const format = '{{.State.Status}} {{.State.Health.Status}}';
    const {stdout, output} = await run('docker', ['inspect', '--format', format, container]);
    const seen = stdout.trim();
    if (seen === 'running healthy') return;
    if (!seen.startsWith('running') || performance.now() > deadlineMs) {
      const logs = await composeLogs(project, service, 12);
      const state = seen === '' ? output.trim() : seen;
      throw new StackError(
        `${service} is not healthy. The state of its container: ${state}. Its log:\n${logs.trimEnd()}`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Runs a Compose command that must succeed, and returns its stdout. */
async function mustCompose(project: ComposeProject, args: string[]): Promise<string> {
  const result = await compose(project, args, undefined);
  if (result.ok) return result.stdout;
  throw new StackError(
    `The command "docker compose ${args.join(' ')}" failed:\n${lastLines(result.output, 12)}`,
  );
}

export async function composeLogs(project: ComposeProject, service: string, lines: number): Promise<string> {
  return (
    await compose(
      project,
      ['logs', '--no-color', '--no-log-prefix', '--tail', String(lines), service],
      undefined,
    )
  ).output;
}

/** The names of the services whose containers run. */
export async function runningServices(project: ComposeProject): Promise<Set<string>> {
  return await servicesThat(project, 'running');
}

async function servicesThat(project: ComposeProject, status: 'running' | 'paused'): Promise<Set<string>> {
  const result = await compose(project, ['ps', '--services', '--status', status], undefined);
  return new Set(result.ok ? result.stdout.split('\n').filter((line) => line !== '') : []);
}

function compose(
  project: ComposeProject,
  args: string[],
  signal: AbortSignal | undefined,
): ReturnType<typeof run> {
  const {ports} = project;
  return run(
    'docker',
    ['compose', '--project-name', `order-projector-${project.name}`, '--progress', 'plain', ...args],
    {
      cwd: ROOT,
      signal,
      env: {
        MYSQL_PORT: String(ports.mysql),
        KAFKA_PORT: String(ports.kafka),
        CONNECT_PORT: String(ports.connect),
        REDIS_PORT: String(ports.redis),
      },
    },
  );
}
