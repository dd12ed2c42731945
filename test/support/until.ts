/** Waits on a condition; tests never wait for a time. */
export {until} from '../../stack/until.js';
