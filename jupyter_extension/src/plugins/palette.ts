/** The commands in the palette. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import { COMMANDS } from './names';

/** In the order of the palette; one whose plugin is switched off is not shown there. */
const LISTED = [
  COMMANDS.newNotebook,
  COMMANDS.showData,
  COMMANDS.showChat,
  COMMANDS.newConversation,
  COMMANDS.showApprovals,
  COMMANDS.addData,
  COMMANDS.loads,
  COMMANDS.dbt,
  COMMANDS.schedules,
  COMMANDS.cellFormat,
  COMMANDS.cellPlan,
  COMMANDS.cellChart,
  COMMANDS.askSelection,
  COMMANDS.askFrame,
  COMMANDS.stop,
  COMMANDS.refresh
];

export const palette: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:palette',
  description: 'Commands of pluto-duck in the palette.',
  autoStart: true,
  requires: [ICommandPalette],
  activate: (_: JupyterFrontEnd, there: ICommandPalette): void =>
    LISTED.forEach(command => there.addItem({ command, category: 'pluto-duck', args: { isPalette: true } }))
};
