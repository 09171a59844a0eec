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
  stop: 'pluto-duck:stop',
  newConversation: 'pluto-duck:new-conversation'
} as const;

/** What uses a command, where that is there: each plugin can be switched off, and the others go on without it. */
export const offered = <Act>(app: JupyterFrontEnd, command: string, act: Act): Act | undefined =>
  app.commands.hasCommand(command) ? act : undefined;
