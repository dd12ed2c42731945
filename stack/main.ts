/** The command line of the stack. Results go to stdout so that scripts can read them; progress and errors go to stderr. */
import {existsSync, readFileSync} from 'node:fs';
import {Command, CommanderError, Option} from 'commander';
import {createConnection} from 'mysql2/promise';
import {lastLines} from './command.js';
import {composeLogs} from './docker/compose.js';
import {logFile} from './native/recipe.js';
import {
  findStack,
  openStack,
  REDIS_KINDS,
  type RedisKind,
  type ServerStatus,
  shellExports,
  type Stack,
  startStack,
  statusOf,
  stopStack,
} from './stack.js';
import {EXIT_CODE, messageOf, StackError} from './stackError.js';
import {readState, SERVER_NAMES, type ServerName} from './stackState.js';

const DEFAULT_NAME = 'default';

interface Flags {
  name: string;
  json?: true;
  native?: true;
  docker?: true;
  shell?: true;
  lines?: string;
  kill?: true;
  redis?: RedisKind;
}

const abort = new AbortController();
let interrupted: number | undefined;

async function up(flags: Flags): Promise<void> {
  const startedMs = Date.now();
  const mode = flags.native === true ? 'native' : flags.docker === true ? 'docker' : undefined;
  const {name, redis: redisKind} = flags;
  const stack = await startStack({name, mode, redisKind, onProgress: say, signal: abort.signal});
  say(
    `the stack "${stack.name}" (${stack.mode}) is ready after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`,
  );
  print(flags.json === true ? JSON.stringify(stack.env) : shellExports(stack.env));
}

async function down(flags: Flags): Promise<void> {
  const stopped = await stopStack(flags.name);
  say(stopped ? `the stack "${flags.name}" is stopped` : `there is no stack "${flags.name}"`);
}

async function env(flags: Flags): Promise<void> {
  const stack = await runningStack(flags.name);
  print(flags.json === true ? JSON.stringify(stack.env) : shellExports(stack.env));
}

async function status(flags: Flags): Promise<void> {
  const {name} = flags;
  const state = readState(name);
  const servers = await statusOf(name);
  const broken = state?.phase === 'ready' && servers.some(({alive}) => !alive);
  const phase = broken ? 'broken' : (state?.phase ?? 'down');
  const mode = state?.mode ?? null;
  if (flags.json === true) {
    print(JSON.stringify({name, mode, phase, servers}));
  } else {
    print(mode === null ? `${name}: ${phase}` : `${name}: ${phase} (${mode})`);
    for (const server of servers) print(statusLine(server));
  }
  if (servers.length === 0 || servers.some(({alive}) => !alive)) process.exitCode = EXIT_CODE.unavailable;
}

function statusLine({server, port, pid, alive}: ServerStatus): string {
  const process_ = pid === undefined ? '' : `  pid ${pid}`;
  return `  ${server.padEnd(8)} ${alive ? 'alive' : 'DEAD '}  127.0.0.1:${port}${process_}`;
}

async function restart(server: string, flags: Flags): Promise<void> {
  if (!isServer(server)) throw noServer(server);
  const stack = openStack(flags.name);
  const startedMs = Date.now();
  await (flags.kill === true ? stack.killServer(server) : stack.stopServer(server));
  await stack.startServer(server);
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  say(`${server} was ${flags.kill === true ? 'killed' : 'stopped'} and is ready again after ${seconds} s`);
}

async function sql(statement: string, flags: Flags): Promise<void> {
  const {env: addresses} = await runningStack(flags.name);
  const connection = await createConnection(addresses.mysql);
  try {
    const [result] = await connection.query(statement);
    if (flags.json === true) print(JSON.stringify(result));
    else if (Array.isArray(result))
      for (const row of result) print(Object.values(row).map(String).join('\t'));
    else print(`${result.affectedRows} rows affected`);
  } finally {
    await connection.end();
  }
}

async function logs(server: string | undefined, flags: Flags): Promise<void> {
  const state = readState(flags.name);
  if (state === undefined) throw notRunning(flags.name);
  const lines = Number(flags.lines);
  if (server === undefined) {
    if (state.mode === 'docker') print(`docker compose -p order-projector-${state.name} logs`);
    else for (const name of [...SERVER_NAMES, 'supervisor'] as const) print(logFile(state.name, name));
    return;
  }
  if (!isServer(server) && server !== 'supervisor') throw noServer(server);
  if (state.mode === 'docker') print((await composeLogs(state, server, lines)).trimEnd());
  else if (existsSync(logFile(state.name, server))) {
    print(lastLines(readFileSync(logFile(state.name, server), 'utf8'), lines));
  }
}

async function runningStack(name: string): Promise<Stack> {
  const stack = await findStack(name);
  if (stack === undefined) throw notRunning(name);
  return stack;
}

function notRunning(name: string): StackError {
  const flag = name === DEFAULT_NAME ? '' : ` --name ${name}`;
  return new StackError(
    `The stack "${name}" is not running. Start it with "npm run stack -- up${flag}".`,
    EXIT_CODE.unavailable,
  );
}

function noServer(name: string): StackError {
  return new StackError(
    `Unknown server "${name}". Valid names: ${SERVER_NAMES.join(', ')}.`,
    EXIT_CODE.usage,
  );
}

function isServer(name: string): name is ServerName {
  return (SERVER_NAMES as readonly string[]).includes(name);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function commandLine(): Command {
  const program = new Command('stack')
    .description('Starts and stops development servers: MySQL, Kafka, Kafka Connect and Redis.')
    .exitOverride();
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--name <name>', 'name of the stack', DEFAULT_NAME)
      .option('--json', 'print JSON')
      .exitOverride();
  const modes = (target: Command): Command =>
    target
      .addOption(
        new Option('--native', 'run native processes, even if Docker is available').conflicts('docker'),
      )
      .addOption(new Option('--docker', 'run the containers of docker-compose.yml'));
  modes(command('up', 'start the servers and wait until they are ready'))
    .addOption(
      new Option(
        '--redis <kind>',
        'one Redis for the layout single (default) or partitioned, or a Redis Cluster of three masters with replicas',
      ).choices(REDIS_KINDS),
    )
    .action(up);
  modes(command('down', 'stop the servers and remove their data')).action(down);
  modes(command('status', 'show for each server whether it runs, its port and its process id')).action(
    status,
  );
  modes(
    command(
      'restart <server>',
      `restart one server; its data and port are kept (${SERVER_NAMES.join(', ')})`,
    ),
  )
    .option('--kill', 'end the server with SIGKILL, like a crash; default: shut it down with SIGTERM')
    .action(restart);
  modes(command('env', 'print the addresses as shell exports or as JSON'))
    .option('--shell', 'print shell exports (default)')
    .action(env);
  command('sql <statement>', 'run one SQL statement in the shop database, as the user of the shop').action(
    sql,
  );
  modes(command('logs [server]', "print the end of a server's log; without a server, where the logs are"))
    .option('--lines <n>', 'number of lines', '40')
    .action(logs);
  return program;
}

async function main(): Promise<void> {
  for (const [signal, code] of [
    ['SIGINT', EXIT_CODE.interrupted],
    ['SIGTERM', EXIT_CODE.terminated],
    ['SIGHUP', EXIT_CODE.terminated],
  ] as const) {
    process.on(signal, () => {
      interrupted = code;
      say('stopping ...');
      abort.abort();
    });
  }
  try {
    await commandLine().parseAsync();
  } catch (error) {
    if (interrupted !== undefined) process.exitCode = interrupted;
    else if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_CODE.usage;
    else if (error instanceof StackError) {
      say(error.message);
      process.exitCode = error.exitCode;
    } else {
      say(error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error));
      process.exitCode = EXIT_CODE.unexpected;
    }
  }
}

await main();
