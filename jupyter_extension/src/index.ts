import { connection } from './plugins/connection';
import { data } from './plugins/data';

export default [connection, data];
