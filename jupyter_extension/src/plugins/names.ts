/** The commands that the plugins offer each other, the palette and the keyboard. */

import { JupyterFrontEnd } from '@jupyterlab/application';

export const COMMANDS = {
  newNotebook: 'pluto-duck:new-notebook',
  showData: 'pluto-duck:show-data',
  showChat: 'pluto-duck:show-chat',
  showApprovals: 'pluto-duck:show-approvals',
  ask: 'pluto-duck:ask',
  preview: 'pluto-duck:preview',
  refresh: 'pluto-duck:refresh',
  addData: 'pluto-duck:add-data',
  reload: 'pluto-duck:reload',
  loads: 'pluto-duck:load-history',
  dbt: 'pluto-duck:run-dbt',
  schedules: 'pluto-duck:schedules',
  lineage: 'pluto-duck:lineage',
  impact: 'pluto-duck:impact',
  exportRows: 'pluto-duck:export',
  rowPreview: 'pluto-duck:row-preview',
  rowAsk: 'pluto-duck:row-ask',
  rowProfile: 'pluto-duck:row-profile',
  rowName: 'pluto-duck:row-insert-name',
  rowQuery: 'pluto-duck:row-insert-query',
  rowCopy: 'pluto-duck:row-copy-name',
  rowExport: 'pluto-duck:row-export',
  rowReload: 'pluto-duck:row-reload',
  rowLineage: 'pluto-duck:row-lineage',
  rowImpact: 'pluto-duck:row-impact',
  cellFormat: 'pluto-duck:cell-format',
  cellPlan: 'pluto-duck:cell-plan',
  cellChart: 'pluto-duck:cell-chart',
  askSelection: 'pluto-duck:ask-selection',
  askFrame: 'pluto-duck:ask-frame',
  stop: 'pluto-duck:stop',
  newConversation: 'pluto-duck:new-conversation'
} as const;

/** What uses a command, where that is there: each plugin can be switched off, and the others go on without it. */
export const offered = <Act>(app: JupyterFrontEnd, command: string, act: Act): Act | undefined =>
  app.commands.hasCommand(command) ? act : undefined;
