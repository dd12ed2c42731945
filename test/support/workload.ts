/** The random shop of the chaos run, for tests. */
export {Workload} from '../../stack/workload.js';
