/** The drawings of the icons: 16 px, one stroke, in the colour of the text. */

/* eslint-disable max-len */
export const DRAWINGS = {
  db:
    '<ellipse cx="8" cy="3.8" rx="5" ry="2"/><path d="M3 3.8v8.4c0 1.1 2.2 2 5 2s5-.9 5-2V3.8M3 8c0 1.1 2.2 2 5 2s5-.9 5-2"/>',
  chat:
    '<path d="M2.5 3.25h11v7.5H7.25l-3 2.5v-2.5H2.5z"/>',
  table:
    '<rect x="2.25" y="2.75" width="11.5" height="10.5" rx="1"/><path d="M2.25 6.25h11.5M6.5 6.25v7"/>',
  view:
    '<rect x="2.25" y="2.75" width="11.5" height="10.5" rx="1" stroke-dasharray="2 1.6"/><path d="M2.25 6.25h11.5"/>',
  frame:
    '<path d="M5.25 2.75h-2v10.5h2M10.75 2.75h2v10.5h-2M6 6.25h4M6 9.75h4"/>',
  file:
    '<path d="M4 2.25h5.5L12 4.75v9H4zM9.25 2.5V5H12"/>',
  server:
    '<rect x="2.5" y="2.75" width="11" height="4.5" rx="1"/><rect x="2.5" y="8.75" width="11" height="4.5" rx="1"/><path d="M5 5h.01M5 11h.01"/>',
  plus:
    '<path d="M8 3.25v9.5M3.25 8h9.5"/>',
  refresh:
    '<path d="M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.75h-2.75"/>',
  search:
    '<circle cx="7" cy="7" r="4"/><path d="m10 10 3.5 3.5"/>',
  more:
    '<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2.2"/>',
  chev:
    '<path d="m6 3.5 4.5 4.5L6 12.5"/>',
  x:
    '<path d="m4.5 4.5 7 7M11.5 4.5l-7 7"/>',
  check:
    '<path d="m3.25 8.5 3.25 3.25 6.25-7"/>',
  play:
    '<path d="M5 3.25 12.25 8 5 12.75z"/>',
  send:
    '<path d="M8 13V3.5M4 7.25 8 3.25l4 4"/>',
  copy:
    '<rect x="5.5" y="5.5" width="8" height="8" rx="1"/><path d="M10.5 5.5v-3h-8v8h3"/>',
  edit:
    '<path d="m3 13 .75-3L10.5 3.25l2.25 2.25L6 12.25zM9.25 4.5l2.25 2.25"/>',
  up:
    '<path d="M5.25 7.25 7.9 2.4c1 0 1.7.9 1.5 1.9L9 6.25h3.2c.9 0 1.4.7 1.2 1.5l-1 4.1c-.15.65-.6 1.15-1.3 1.15H5.25zM2.5 7.25h2.75V13H2.5z"/>',
  down:
    '<path d="M10.75 8.75 8.1 13.6c-1 0-1.7-.9-1.5-1.9L7 9.75H3.8c-.9 0-1.4-.7-1.2-1.5l1-4.1C3.75 3.5 4.2 3 4.9 3h5.85zM13.5 8.75h-2.75V3h2.75z"/>',
  hash:
    '<path d="M6.25 2.75 5 13.25M11 2.75 9.75 13.25M3 6h10.5M2.5 10H13"/>',
  text:
    '<path d="M3.25 4V3h9.5v1M8 3v10M6.25 13h3.5"/>',
  clock:
    '<circle cx="8" cy="8" r="5.5"/><path d="M8 4.75V8l2.25 1.5"/>',
  local:
    '<rect x="3" y="3" width="10" height="7" rx="1"/><path d="M1.75 12.75h12.5"/>',
  warn:
    '<path d="M8 2.5 14 13H2zM8 6.5v3M8 11.25h.01"/>',
  error:
    '<circle cx="8" cy="8" r="5.75"/><path d="M8 4.75v4M8 11h.01"/>',
  help:
    '<circle cx="8" cy="8" r="5.75"/><path d="M6.25 6.4c.1-1 .8-1.65 1.8-1.65s1.75.6 1.75 1.5c0 1.25-1.75 1.35-1.75 2.5M8.05 11.1h.01"/>',
  insert:
    '<rect x="2.25" y="2.5" width="11.5" height="4.5" rx="1"/><path d="M8 9.25v4.5M5.75 11.5h4.5"/>',
  line:
    '<path d="M2.5 2.5v11h11"/><path d="m4.75 10 2.5-3.25 2.25 1.5 3.75-4.5"/>',
  bars:
    '<path d="M2.5 2.5v11h11M5.5 11V8M8.5 11V4.75M11.5 11V6.5"/>',
  dots:
    '<path d="M2.5 2.5v11h11"/><path d="M5.5 10h.01M7.5 7h.01M10 8.25h.01M12 4.5h.01" stroke-width="2"/>',
  format:
    '<path d="M2.5 3.75h11M5 6.6h8.5M5 9.4h6M2.5 12.25h8"/>',
  hist:
    '<path d="M3 8a5 5 0 1 0 1.5-3.6M3 2.5v2.75h2.75M8 5.25V8l2 1.25"/>',
  at:
    '<circle cx="8" cy="8" r="2.4"/><path d="M10.4 5.6V9c0 1 .6 1.6 1.5 1.6 1 0 1.6-1 1.6-2.6A5.5 5.5 0 1 0 11 12.6"/>',
  arrow:
    '<path d="M3.25 8h9.5M9 4.25 12.75 8 9 11.75"/>',
  stop:
    '<rect x="4" y="4" width="8" height="8" rx=".5"/>',
  filter:
    '<path d="M2.5 3.5h11L9.5 8.25v4L6.5 13V8.25z"/>',
  out:
    '<path d="M7 3H3v10h10V9M9.5 2.75h3.75V6.5M13 3 7.5 8.5"/>',
  shield:
    '<path d="M8 2.25 13 4v4c0 3-2.1 4.9-5 5.75C5.1 12.9 3 11 3 8V4zM5.75 7.75 7.4 9.4l3-3.15"/>'
} as const;

export type IconName = keyof typeof DRAWINGS;
