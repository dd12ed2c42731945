/** A random shop, shared with the chaos run. */
export {Workload} from '../../stack/workload.js';
