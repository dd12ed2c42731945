/** kafkajs receives only complete responses, and no event of a socket that has ended. */
import {createServer, type AddressInfo, type Server, type Socket} from 'node:net';
import {kafkaSocket, WholeAnswers} from '../../src/clients/kafka/socket.js';
import {fc} from '../support/seededChecks.js';

function answer(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function* cuts(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const length of lengths) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + length);
    at += length;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

describe('complete responses', () => {
  test('are delivered unchanged, however the stream is split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({maxLength: 40}), {maxLength: 8}),
        fc.array(fc.integer({min: 1, max: 25}), {maxLength: 60}),
        fc.nat(12),
        (bodies, lengths, missing) => {
          const all = bodies.map(answer);
          const stream = Buffer.concat(all);
          const arrived = stream.subarray(0, Math.max(0, stream.length - missing));
          let end = 0;
          for (const one of all) {
            if (end + one.length > arrived.length) break;
            end += one.length;
          }
          const answers = new WholeAnswers();
          const seen = [...cuts(arrived, lengths)].map((bytes) => answers.add(bytes) ?? Buffer.alloc(0));
          expect(Buffer.concat(seen)).toEqual(stream.subarray(0, end));
        },
      ),
    );
  });

  test('are delivered immediately, without waiting for the bytes that follow', () => {
    const answers = new WholeAnswers();
    const first = answer(Buffer.from('first'));
    expect(answers.add(Buffer.concat([first, Buffer.from([0, 0])]))).toEqual(first);
    expect(answers.add(Buffer.from([0, 1]))).toBeUndefined();
    expect(answers.add(Buffer.from('x'))).toEqual(answer(Buffer.from('x')));
  });

  test('are required: an impossible length is reported as not from Kafka', () => {
    expect(() => new WholeAnswers().add(Buffer.from([255, 255, 255, 255]))).toThrow(/not Kafka/);
  });
});

describe('the socket', () => {
  let server: Server;
  let client: Promise<Socket>;
  beforeEach(async () => {
    server = createServer();
    client = new Promise((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    (await client).destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  interface Opened {
    readonly socket: Socket;
    readonly events: string[];
    readonly connected: Promise<void>;
    readonly next: (event: string) => Promise<void>;
  }

  function open(ssl?: object): Opened {
    const events: string[] = [];
    const {port} = server.address() as AddressInfo;
    let socket!: Socket;
    const connected = new Promise<void>((resolve) => {
      const onConnect = (): void => {
        events.push('connect');
        resolve();
      };
      socket = kafkaSocket({host: '127.0.0.1', port, ssl: ssl!, onConnect});
    });
    socket.on('data', (bytes: Buffer) => events.push(`data ${bytes.subarray(4).toString()}`));
    socket.on('end', () => events.push('end'));
    socket.on('error', () => events.push('error'));
    return {
      socket,
      events,
      connected,
      next: (event) => new Promise((resolve) => socket.once(event, () => resolve())),
    };
  }

  test('delivers complete responses, and discards an incomplete one', async () => {
    const {events, next} = open();
    const end = next('end');
    const remote = await client;
    remote.end(Buffer.concat([answer(Buffer.from('whole')), answer(Buffer.from('half')).subarray(0, 6)]));
    await end;
    expect(events).toEqual(['connect', 'data whole', 'end']);
  });

  test('reports its end once, whatever follows', async () => {
    const {socket, events, next} = open();
    const end = next('end');
    const remote = await client;
    const closed = new Promise((resolve) => remote.once('close', resolve));
    remote.end();
    await end;
    socket.write(Buffer.from('after the end'), 'binary');
    socket.end();
    await closed;
    expect(events).toEqual(['connect', 'end']);
  });

  test('emits nothing after the client has ended it, and is closed on both sides', async () => {
    const {socket, events, connected} = open();
    await connected;
    const remote = await client;
    const received: Buffer[] = [];
    remote.on('data', (bytes: Buffer) => received.push(bytes));
    const closed = new Promise((resolve) => remote.once('close', resolve));
    socket.write(Buffer.from('goodbye'), 'binary');
    socket.end();
    await closed;
    expect(Buffer.concat(received).toString()).toBe('goodbye');
    expect(events).toEqual(['connect']);
  });

  test('emits exactly one error if the server closes it during the TLS handshake', async () => {
    const {events, next} = open({});
    const failed = next('error');
    const remote = await client;
    const closed = new Promise((resolve) => remote.once('close', resolve));
    remote.on('data', () => remote.end());
    await failed;
    await closed;
    expect(events).toEqual(['error']);
  });

  test('ends with an error if the server is not Kafka', async () => {
    const {events, next} = open();
    const failed = next('error');
    (await client).write(Buffer.from([255, 0, 0, 0]));
    await failed;
    expect(events).toEqual(['connect', 'error']);
  });
});
