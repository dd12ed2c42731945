/** Network faults between a worker and Redis, and between some workers and Kafka. */
import {Random} from '../random.js';
import type {TcpProxy} from '../tcpProxy.js';
import {seconds, type Fault, type Family, type Injection, type Site} from './fault.js';

interface Line {
  readonly name: string;
  readonly proxy: TcpProxy;
}

/** A network fault on one link: its description, its duration, and how it begins and ends. */
interface Trouble {
  readonly what: string;
  readonly lastsMs: number;
  readonly begin: (proxy: TcpProxy) => void | Promise<void>;
  readonly end: (proxy: TcpProxy) => void | Promise<void>;
}

interface TroubleKind {
  readonly name: string;
  readonly family: Family;
  readonly weight: number;
  readonly draw: (random: Random) => Trouble;
}

const pass = (proxy: TcpProxy): void => proxy.pass();

const LOST: TroubleKind = {
  name: 'lost replies',
  family: 'cuts',
  weight: 3,
  draw: (random) => {
    const share = random.pick([0.02, 0.1, 0.5]);
    const lastsMs = random.int(1_000, 6_000);
    // This fault has its own random numbers. So the number of replies does not change the later choices of the run.
    const dice = new Random(random.int(0, 2 ** 31));
    return {
      what: `loses ${share * 100} % of the replies for ${seconds(lastsMs)}`,
      lastsMs,
      begin: (proxy) => proxy.loseReplies(() => dice.chance(share)),
      end: pass,
    };
  },
};

const KINDS: readonly TroubleKind[] = [
  {
    name: 'reset',
    family: 'cuts',
    weight: 3,
    draw: () => ({
      what: 'resets all connections',
      lastsMs: 0,
      begin: (proxy) => proxy.cutAll(),
      end: pass,
    }),
  },
  {
    name: 'black hole',
    family: 'cuts',
    weight: 3,
    draw: (random) => {
      const directions = random.pick([['requests', 'replies'], ['requests'], ['replies']] as const);
      const lastsMs = random.int(500, 12_000);
      return {
        what: `holds ${directions.join(' and ')} for ${seconds(lastsMs)}, then delivers them`,
        lastsMs,
        begin: (proxy) => proxy.hold(directions),
        end: pass,
      };
    },
  },
  LOST,
  {
    name: 'rejected',
    family: 'cuts',
    weight: 2,
    draw: (random) => {
      const lastsMs = random.int(500, 8_000);
      return {
        what: `resets and refuses connections for ${seconds(lastsMs)}`,
        lastsMs,
        begin: async (proxy) => await proxy.goAway(),
        end: async (proxy) => await proxy.comeBack(),
      };
    },
  },
  {
    name: 'slow',
    family: 'slow links',
    weight: 2,
    draw: (random) => {
      const lastsMs = random.int(2_000, 10_000);
      const slowness = random.chance(0.7)
        ? {latencyMs: random.int(20, 300), jitterMs: random.int(0, 200)}
        : {bytesPerSecond: random.int(8, 64) * 1_024};
      return {
        what: `is slow for ${seconds(lastsMs)}: ${JSON.stringify(slowness)}`,
        lastsMs,
        begin: (proxy) => proxy.slow(slowness),
        end: pass,
      };
    },
  },
  {
    name: 'byte by byte',
    family: 'slow links',
    weight: 1,
    draw: (random) => {
      const lastsMs = random.int(1_000, 5_000);
      return {
        what: `delivers replies byte by byte for ${seconds(lastsMs)}`,
        lastsMs,
        begin: (proxy) => proxy.slice(),
        end: pass,
      };
    },
  },
];

const redisLine = ({fleet, random, cluster}: Site): Line | undefined => {
  if (cluster?.lines !== undefined) {
    const index = random.int(0, cluster.nodes.length - 1);
    return {name: `link to Redis node ${index + 1}`, proxy: cluster.lines.clients[index]!};
  }
  if (fleet.manned.length === 0) return undefined;
  const host = random.pick(fleet.manned);
  return host.line && {name: `link of host ${host.number} to Redis`, proxy: host.line};
};

const kafkaLine = ({kafkaLine: proxy}: Site): Line | undefined =>
  proxy === undefined ? undefined : {name: 'link of hosts 2 and 4 to Kafka', proxy};

const onRedisLine = ({name, family, weight, draw}: TroubleKind): Fault => ({
  name: `Redis link ${name}`,
  family,
  weight,
  draw: (site) => troubled(redisLine(site), draw, site),
});

export const REPLIES_LOST = onRedisLine(LOST);

export const LINE_FAULTS: readonly Fault[] = KINDS.flatMap((kind): Fault[] => [
  onRedisLine(kind),
  // A fetch response is large. It would take minutes byte by byte.
  ...(kind.name === 'byte by byte'
    ? []
    : [
        {
          ...kind,
          name: `Kafka link ${kind.name}`,
          weight: kind.weight / 2,
          draw: (site: Site) => troubled(kafkaLine(site), kind.draw, site),
        },
      ]),
]);

function troubled(
  line: Line | undefined,
  draw: (random: Random) => Trouble,
  site: Site,
): Injection | undefined {
  if (line === undefined) return undefined;
  const {what, lastsMs, begin, end} = draw(site.random);
  return {
    what: `${line.name}: ${what}`,
    needs: [line.name],
    run: async () => {
      await begin(line.proxy);
      await site.wait(lastsMs);
      await end(line.proxy);
    },
  };
}
