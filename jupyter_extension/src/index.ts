import { chat } from './plugins/chat';
import { commands } from './plugins/commands';
import { connection } from './plugins/connection';
import { data } from './plugins/data';
import { preview } from './plugins/preview';
import { status } from './plugins/status';

export default [connection, data, chat, preview, status, commands];
