/** Whether there is a kernel to talk to, in the states that a person must be able to tell apart. */

import { Client } from './client';
import { Hello } from './frames';

export type LinkStatus =
  /** No notebook or console with a kernel is open. */
  | 'no-kernel'
  /** A kernel of another language. */
  | 'foreign'
  | 'connecting'
  /** pluto_duck is not loaded in the kernel. */
  | 'not-loaded'
  /** Kernel and sidebar speak different versions. */
  | 'mismatch'
  /** The workspace can't be opened, say. */
  | 'failed'
  | 'restarting'
  | 'dead'
  /** The Jupyter server does not answer; it is looked for. */
  | 'away'
  | 'ready';

/** Why the kernel of a notebook is not what answers. */
export type Reason = 'no-kernel' | 'dead' | 'foreign';

export interface Link {
  status: LinkStatus;
  /** Who answers: the kernel of the notebook in front, or the Jupyter server. */
  via: 'kernel' | 'server';
  /** Where no kernel does: why. */
  reason: Reason;
  /** The workspaces that the server may serve. */
  places: { name: string; folder: string }[];
  /** Shows another one of them. */
  choose: ((folder: string) => void) | null;
  /** Another workspace, which was shown before and which the server does not serve; "": none. */
  other: string;
  /** The kernel answers again, after the server did: told for a moment. */
  back: boolean;
  /** Nothing comes from the kernel for seconds, though something is asked. */
  slow: boolean;
  /** Of the notebook. */
  name: string;
  /** False: answers come after the running cell. */
  subshell: boolean;
  busy: boolean;
  hello: Hello | null;
  client: Client | null;
  problem: string;
}

export const NO_LINK: Link = {
  status: 'no-kernel',
  via: 'kernel',
  reason: 'no-kernel',
  places: [],
  choose: null,
  other: '',
  back: false,
  slow: false,
  name: '',
  subshell: true,
  busy: false,
  hello: null,
  client: null,
  problem: ''
};
