/**
 * A process can exit after it has reset a connection. With Node 20, a reset at the wrong moment would keep
 * the process busy for ever.
 */
import {spawn} from 'node:child_process';

const SCRIPT = `
  import net from 'node:net';
  import {reset} from './stack/tcpPipe.js';
  const server = net.createServer({allowHalfOpen: true}, (socket) => {
    socket.on('error', () => undefined);
    MOMENT
  });
  server.listen(0, '127.0.0.1', () => {
    const client = net.connect(server.address().port, '127.0.0.1');
    client.on('error', () => undefined).on('close', () => server.close()).resume();
  });
`;

test.each([
  ['open', 'reset(socket);'],
  ['about to end', "socket.end('last words'); reset(socket);"],
  ['ended', 'socket.end(() => reset(socket));'],
  ['closed', "socket.on('close', () => reset(socket)).destroy();"],
])('a process that resets a socket that is %s exits with code 0', async (_name, moment) => {
  const args = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT.replace('MOMENT', moment)];
  const child = spawn(process.execPath, args, {stdio: 'inherit', timeout: 60_000, killSignal: 'SIGKILL'});
  const exit = await new Promise((resolve) => child.once('close', (code, signal) => resolve({code, signal})));
  expect(exit).toEqual({code: 0, signal: null});
});
