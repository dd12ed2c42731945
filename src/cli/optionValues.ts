/** Values of options that several commands have. */
import {InvalidArgumentError} from 'commander';

export function rowLimit(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value))
    throw new InvalidArgumentError('must be a whole number from 1 to 999999.');
  return Number(value);
}

export function intervalSeconds(value: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(value) ? Number(value) : 0;
  if (seconds < 0.1 || seconds > 3_600)
    throw new InvalidArgumentError('must be a number of seconds from 0.1 to 3600.');
  return seconds;
}
