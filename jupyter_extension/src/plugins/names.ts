/** The commands that the plugins offer each other, the palette and the keyboard. */

export const COMMANDS = {
  showData: 'pluto-duck:show-data',
  showChat: 'pluto-duck:show-chat',
  showApprovals: 'pluto-duck:show-approvals',
  ask: 'pluto-duck:ask',
  preview: 'pluto-duck:preview',
  refresh: 'pluto-duck:refresh',
  stop: 'pluto-duck:stop',
  newConversation: 'pluto-duck:new-conversation'
} as const;
