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
    return ok('dns', `${hosts.map(({host}) => host).join(', ')}: all host names can be resolved`);
  return fail('dns', unknown.join('; '), {
    fix: 'Correct the host name in the settings, or add it to the name service of this machine.',
    exitCode: EXIT.unreachable,
  });
}

export function judgePort(place: string, use: PortUse): Check {
  switch (use) {
    case 'free':
      return ok('http', `${place} is free for a worker`);
    case 'worker':
      return ok('http', `a worker responds at ${place}`);
    case 'other':
      return fail('http', `another program listens on ${place}, so a worker cannot start with this port`, {
        fix: 'Set PROJECTOR_HTTP_PORT to a free port, to 0 for any free port, or to off.',
        exitCode: EXIT.usage,
      });
  }
}
