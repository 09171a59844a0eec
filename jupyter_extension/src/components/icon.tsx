import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { DRAWINGS, IconName } from './drawings';

/** Hidden from readers: the control that it stands in has the words. */
export function Icon({ name, small = false }: { name: IconName; small?: boolean }): React.ReactElement {
  return (
    <svg
      className={`pd-icon${small ? ' pd-s' : ''}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: DRAWINGS[name] }}
    />
  );
}

/** Points right, and down when what it belongs to is open. */
export function Chevron({ open }: { open: boolean }): React.ReactElement {
  return (
    <svg className={`pd-icon pd-chev${open ? ' pd-open' : ''}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d="m6 3.5 4.5 4.5L6 12.5" />
    </svg>
  );
}

/** The same drawing where Lab wants an icon of its own kind: tabs, launcher, palette. */
export const labIcon = (name: IconName): LabIcon =>
  new LabIcon({
    name: `pluto-duck:${name}`,
    svgstr:
      '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16" fill="none">' +
      '<g class="jp-icon3" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">' +
      `${DRAWINGS[name]}</g></svg>`
  });

export const dataIcon = labIcon('db');
export const chatIcon = labIcon('chat');
export const tableIcon = labIcon('table');
export const historyIcon = labIcon('hist');
export const buildIcon = labIcon('build');
export const clockIcon = labIcon('clock');
