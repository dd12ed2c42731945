/** `projector report`: best sellers, top spenders, totals, from Redis alone. */
import {RedisClient} from '../clients/redis.js';
import type {ConfigWith} from '../config.js';
import {EXIT} from '../errorPolicy.js';
import {bestSellers, topSpenders, totals} from '../report/report.js';
import {table, type Output} from './output.js';

export interface ReportOptions {
  readonly limit: number;
  readonly json: boolean;
}

export async function report(
  options: ReportOptions,
  {config, output}: {config: ConfigWith<'redisUrl'>; output: Output},
): Promise<number> {
  const redis = new RedisClient({url: config.redisUrl, timeoutMs: config.redisTimeoutMs});
  const settings = {prefix: config.keyPrefix, moneyDecimals: config.moneyDecimals};
  try {
    await redis.connect();
    const products = await bestSellers(redis, settings, options.limit);
    const users = await topSpenders(redis, settings, options.limit);
    const sums = await totals(redis, settings);
    if (options.json) {
      output.line(JSON.stringify({totals: sums, bestSellers: products, topSpenders: users}));
      return EXIT.ok;
    }
    output.line(`${sums.orders} orders, ${sums.units} units, revenue ${sums.revenue}`);
    output.line('');
    const sellers = products.map(({productId, unitsSold}) => [productId, unitsSold]);
    for (const line of table(['best sellers: product', 'units'], sellers)) output.line(line);
    output.line('');
    const spenders = users.map(({userId, spent}) => [userId, spent]);
    for (const line of table(['top spenders: user', 'spent'], spenders)) output.line(line);
    return EXIT.ok;
  } finally {
    redis.close();
  }
}
