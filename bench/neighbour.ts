/**
 * Another client of the same Redis. It measures the latency of its GETs while a replay runs.
 *
 * It is a process of its own, so that it does not wait for the event loop of the benchmark. Still it shares the cores with all servers,
 * so it also measures how late its own timers fire. That is the part of the latency that the machine adds.
 */
import {once} from 'node:events';
import type {NeighbourJob, NeighbourResult} from './designs/neighbour.js';
import {resultOf, startJob} from './jobs.js';
import {percentiles, type Percentiles} from './percentiles.js';

export interface NeighbourTimes {
  /** From sending a GET to its reply. */
  readonly gets: Percentiles;
  /** From the time for which a timer was set to the time at which it fired. */
  readonly timers: Percentiles;
}

/** Sends GETs, one after the other with pauses of 1 ms, until `act` has ended. */
export async function neighbourDuring(
  redisUrl: string,
  act: () => Promise<unknown>,
): Promise<NeighbourTimes> {
  const job: NeighbourJob = {redisUrl};
  const child = startJob('neighbour.ts', job);
  const result = resultOf<NeighbourResult>(child, 'the neighbour');
  // If the process fails, the last line of this function reports that.
  result.catch(() => undefined);
  // The first output says that the client is connected.
  await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  try {
    await act();
  } finally {
    child.kill('SIGTERM');
  }
  const {getsMs, timersMs} = await result;
  return {gets: percentiles(getsMs), timers: percentiles(timersMs)};
}
