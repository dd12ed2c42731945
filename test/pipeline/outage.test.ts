/** Redis hangs for longer than the worker waits for a response, while the shop continues to write. */
import {connectMysql, Pipeline} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {whileRedisIsFrozen} from '../support/freeze.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

const seed = chosenSeed();

test(`a worker whose Redis hangs logs one waiting line, keeps its partitions, and resumes by itself (I4, G5), seed ${seed}`, async () => {
  const shop = await Pipeline.open('outage', {REDIS_TIMEOUT_MS: '1000', PROJECTOR_CHUNK_RECORDS_MAX: '20'});
  const connections = await Promise.all([connectMysql(), connectMysql()]);
  const workload = new Workload(connections, seed, {base: 8_400_000});
  const said = (msg: RegExp): number =>
    shop.worker.log.filter((line) => msg.test(String(line['msg']))).length;
  try {
    await shop.applied();
    expect([said(/^waiting/), said(/^recovered: /)]).toEqual([0, 0]);
    for (const outage of [1, 2]) {
      const selling = workload.transact(150);
      await workload.reached(workload.committed + 20);
      await whileRedisIsFrozen(async () => {
        await until(
          () => said(/^waiting/) === outage,
          () => `a waiting line: ${shop.worker.output.slice(-1_500)}`,
        );
        await selling;
        expect(shop.worker.isRunning).toBe(true);
      });
      await shop.applied();
      await until(
        () => said(/^recovered: /) === outage,
        () => `a recovery line: ${shop.worker.output.slice(-1_500)}`,
      );
      expect(said(/^waiting/)).toBe(outage);
      expect(await shop.differences()).toEqual([]);
    }
    expect(said(/^partitions assigned/)).toBe(1);
    expect(shop.worker.log.find(({msg}) => String(msg).startsWith('waiting'))).toMatchObject({
      kind: 'redis-unreachable',
      level: 40,
    });
    expect(await shop.worker.end('SIGTERM')).toEqual({code: 0, signal: null});
  } finally {
    for (const connection of connections) await connection.end();
    await shop.close();
  }
});
