import { cellToolbar } from './plugins/celltoolbar';
import { chat } from './plugins/chat';
import { completion } from './plugins/completion';
import { connection } from './plugins/connection';
import { data } from './plugins/data';
import { dbt } from './plugins/dbt';
import { exporting } from './plugins/exporting';
import { highlight } from './plugins/highlight';
import { ingest } from './plugins/ingest';
import { launcher } from './plugins/launcher';
import { lineage } from './plugins/lineage';
import { loads } from './plugins/loads';
import { menu } from './plugins/menu';
import { mend } from './plugins/mend';
import { palette } from './plugins/palette';
import { preview } from './plugins/preview';
import { schedules } from './plugins/schedules';
import { selection } from './plugins/selection';
import { preferences } from './plugins/settings';
import { status } from './plugins/status';

export default [
  connection,
  data,
  chat,
  preview,
  ingest,
  loads,
  dbt,
  lineage,
  schedules,
  exporting,
  menu,
  status,
  palette,
  launcher,
  preferences,
  highlight,
  completion,
  mend,
  cellToolbar,
  selection
];
