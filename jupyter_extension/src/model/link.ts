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
  | 'ready';

export interface Link {
  status: LinkStatus;
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
  name: '',
  subshell: true,
  busy: false,
  hello: null,
  client: null,
  problem: ''
};
