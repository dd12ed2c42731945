/**
 * The network: checks the names of hosts, and the HTTP port of a worker.
 *
 * Pure: no clock, no I/O.
 */
import {EXIT} from '../../runtime/errorPolicy.js';
import type {HostAnswer, PortUse} from './askNetwork.js';
import {fail, ok, type Check} from './check.js';

export function judgeHosts(hosts: readonly HostAnswer[]): Check {
  const unknown = hosts.flatMap(({addresses}) =>
    addresses.kind === 'error' ? [addresses.error.detail] : [],
  );
  if (unknown.length === 0)
    return ok('dns', `${hosts.map(({host}) => host).join(', ')}: every name has an address`);
  return fail('dns', unknown.join('; '), {
    fix: 'Correct the name in the settings, or let the name service of this machine know it.',
    exitCode: EXIT.unreachable,
  });
}

export function judgePort(place: string, use: PortUse): Check {
  switch (use) {
    case 'free':
      return ok('http', `${place} is free for a worker`);
    case 'worker':
      return ok('http', `a worker answers at ${place}`);
    case 'other':
      return fail('http', `something else than a worker listens on ${place}: a worker here would not start`, {
        fix: 'Set PROJECTOR_HTTP_PORT to a free port, to 0 for any, or to off.',
        exitCode: EXIT.usage,
      });
  }
}
