/**
 * Redis Cluster: judges all masters, and how the partitions are distributed over them.
 *
 * Pure: no clock, no I/O.
 */
import type {ServerInfo} from '../../clients/redis/client.js';
import {assert} from '../../runtime/assert.js';
import {counted} from '../../runtime/counted.js';
import type {ClusterShares, RedisAnswers} from './askRedis.js';
import {both, judged, ok, warn, type Check, type Verdict} from './check.js';

const WORST_FIRST: readonly Verdict[] = ['fail', 'warn', 'skipped', 'ok'];

/** Judges each server. With several of them, the detail names the nodes with the worst verdict. */
export function worst(
  servers: readonly ServerInfo[],
  judge: (info: ReadonlyMap<string, string>) => Check,
): Check {
  const checks = servers.map(({node, fields}) => ({node, check: judge(fields)}));
  const verdict = WORST_FIRST.find((each) => checks.some(({check}) => check.verdict === each));
  const those = checks.filter(({check}) => check.verdict === verdict);
  const [first] = those;
  assert(first !== undefined, 'a connection has at least one server');
  if (checks.length === 1) return first.check;
  const byDetail = new Map<string, string[]>();
  for (const {node, check} of those)
    byDetail.set(check.detail, [...(byDetail.get(check.detail) ?? []), node]);
  const details = [...byDetail].map(([detail, nodes]) => `${nodes.join(', ')}: ${detail}`);
  return {...first.check, detail: details.join('; ')};
}

/** Empty if there is no cluster. */
export function sharesCheck({shares, servers}: RedisAnswers): Check[] {
  if (shares === undefined) return [];
  return [
    judged('redis-nodes', both(servers, shares), ([all, found]) =>
      judgeShares(
        all.map(({node}) => node),
        found,
      ),
    ),
  ];
}

/** A cluster places slots without regard to their load. So the check warns if a master has no partition, although others have several. */
export function judgeShares(nodes: readonly string[], {partitions, reports}: ClusterShares): Check {
  const name = 'redis-nodes';
  const shares = nodes.map((node) => {
    const count = partitions.filter((each) => each === node).length;
    return {
      node,
      count,
      text: `${node} has ${counted(count, 'partition')}${node === reports ? ' and the reports' : ''}`,
    };
  });
  const detail = shares.map(({text}) => text).join(', ');
  const isIdle = shares.some(({node, count}) => count === 0 && node !== reports);
  if (!isIdle || shares.every(({count}) => count < 2)) return ok(name, detail);
  return warn(
    name,
    detail,
    'Move the slot of a partition to the master without one (docs/cluster.md#resharding).',
  );
}
