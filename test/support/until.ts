/** Waits until a condition holds, instead of sleeping for a fixed time. */
export {until} from '../../stack/until.js';
