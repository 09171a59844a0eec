import { chat } from './plugins/chat';
import { completion } from './plugins/completion';
import { connection } from './plugins/connection';
import { data } from './plugins/data';
import { highlight } from './plugins/highlight';
import { launcher } from './plugins/launcher';
import { palette } from './plugins/palette';
import { preview } from './plugins/preview';
import { preferences } from './plugins/settings';
import { status } from './plugins/status';

export default [
  connection,
  data,
  chat,
  preview,
  status,
  palette,
  launcher,
  preferences,
  highlight,
  completion
];
