/**
 * Finds variables that look like settings of this program but are none. Such a variable is usually a typing error, and the setting
 * that was meant keeps its default.
 *
 * Pure: no clock, no I/O.
 */
import {closest, distance} from 'fastest-levenshtein';
import type {Environment} from './config.js';
import type {Setting} from './setting.js';
import {SETTINGS} from './settings.js';

/**
 * Kubernetes sets these variables for every service of a namespace, for example REDIS_PORT=tcp://10.0.0.1:6379 for a service with the
 * name `redis` (documentation of Kubernetes, "Service", section "Environment variables").
 */
const SERVICE_LINK =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_ADDRESS = /^(?:tcp|udp|sctp):\/\//;

/** A suggestion may differ from the given name in this share of its characters. */
const DIFFERENCE_MAX = 0.4;

/** Returns one sentence for each unknown variable. It contains the name and never the value. */
export function unknownVariables(environment: Environment): string[] {
  const names = Object.values<Setting<unknown>>(SETTINGS).map(({env}) => env);
  const families = new Set(names.map(familyOf));
  const isOfFamily = (name: string): boolean => familyOf(name) !== undefined && families.has(familyOf(name));
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  return Object.entries(environment)
    .filter(([name]) => isOfFamily(name) && !known.has(name) && !SERVICE_LINK.test(name))
    .filter(([name, value = '']) => !(name.endsWith('_PORT') && SERVICE_ADDRESS.test(value)))
    .map(([name]) => name)
    .sort()
    .map((name) => {
      const likely = closest(name.replace(/_FILE$/, ''), names);
      const isLikely = distance(name.replace(/_FILE$/, ''), likely) <= DIFFERENCE_MAX * likely.length;
      return `${name} is not a setting of this program${isLikely ? `; did you mean ${likely}?` : ''}`;
    });
}

/** The part of a name before its first underscore. A name without one belongs to no family. */
function familyOf(name: string): string | undefined {
  return /^([A-Z]+)_/.exec(name)?.[1];
}
