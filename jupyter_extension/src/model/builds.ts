/** dbt: what can be built, the build that goes on, also when nobody looks or the page is another one, and earlier ones. */

import { Client, Pending } from './client';
import { Frame, PanelError } from './frames';
import { Problem, problemOf } from './ingest';
import { Store } from './store';

export const VERBS = ['build', 'run', 'test', 'seed', 'snapshot'] as const;
export type Verb = (typeof VERBS)[number];
export type NodeState = 'running' | 'ok' | 'warned' | 'failed' | 'skipped';
export type BuildState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'timed_out';

export interface Project {
  /** As the kernel takes it: the folder, from that of the workspace on. */
  key: string;
  name: string;
  folder: string;
}

export interface BuildNode {
  node: string;
  name: string;
  kind: string;
  status: NodeState;
  elapsed_s: number;
  message: string;
  /** Of the table that it made, its key. */
  table?: string;
  rows?: number | null;
  /** Rows that a test found wrong. */
  failures?: number | null;
  /** Of its file, from the project's folder on. */
  path?: string;
  /** The SQL as it ran and the line that failed; of nodes that failed. */
  compiled?: string;
  line?: number | null;
  file_line?: number | null;
  /** Nodes of the whole build. */
  total?: number;
}

export interface Build {
  run: string;
  text: string;
  state: BuildState;
  at: string;
  elapsed_s: number;
  counts: Partial<Record<NodeState, number>>;
  project: string;
}

/** A build that is looked at. */
export interface Watched extends Build {
  nodes: BuildNode[];
  total: number;
  log: string[];
  stopping: boolean;
  error: { message: string; hint: string } | null;
  /** Of its project, as the file system has it. */
  folder: string;
}

export interface BuildsState {
  projects: Project[] | null;
  /** What is not installed, and how it is. */
  missing: { message: string; hint: string } | null;
  project: string;
  verb: Verb;
  select: string;
  exclude: string;
  full: boolean;
  starting: boolean;
  problem: Problem | null;
  builds: Build[] | null;
  shown: Watched | null;
}

export const NO_BUILDS: BuildsState = {
  projects: null,
  missing: null,
  project: '',
  verb: 'build',
  select: '',
  exclude: '',
  full: false,
  starting: false,
  problem: null,
  builds: null,
  shown: null
};

/** Lines of a log that are kept. */
const LINES = 2_000;

export const goesOn = (build: Build): boolean => build.state === 'queued' || build.state === 'running';

/** It may have ended while the page was loaded anew. */
const LATELY_MS = 60_000;
const justEnded = (build: Build): boolean =>
  build.elapsed_s > 0 && Math.abs(Date.now() - Date.parse(build.at) - 1000 * build.elapsed_s) < LATELY_MS;

/** Of the nodes that there are, how many have ended. */
export const ended = (build: Watched): number => build.nodes.filter(one => one.status !== 'running').length;

/** How far a build is; null before dbt has said how much there is to do. */
export const partOf = (build: Watched): number | null =>
  build.total ? Math.min(goesOn(build) ? 0.99 : 1, ended(build) / build.total) : null;

/** The nodes after one more frame: each stands where it began. */
export function nodesWith(nodes: BuildNode[], news: BuildNode): BuildNode[] {
  const at = nodes.findIndex(one => one.node === news.node);
  return at < 0 ? [...nodes, news] : nodes.map((one, place) => (place === at ? { ...one, ...news } : one));
}

/** What is told at the end, in the order in which it was seen. */
export function nodesAtEnd(seen: BuildNode[], last: BuildNode[]): BuildNode[] {
  const known = new Map(last.map(one => [one.node, one]));
  const before = seen.map(one => ({ ...one, ...known.get(one.node) }));
  const there = new Set(seen.map(one => one.node));
  return [...before, ...last.filter(one => !there.has(one.node))];
}

/** A file as Jupyter's own file browser names it; "": it is not below the folder that Jupyter shows. */
export function jupyterPath(serverRoot: string, home: string, file: string): string {
  const slashed = (path: string): string => path.replace(/\\/g, '/').replace(/\/+$/, '');
  const root = slashed(serverRoot.replace(/^~(?=$|[\\/])/, home));
  const wanted = slashed(file);
  return root && wanted.startsWith(`${root}/`) ? wanted.slice(root.length + 1) : '';
}

export class BuildsModel {
  readonly state = new Store<BuildsState>(NO_BUILDS);
  /** One has ended that was followed. */
  onEnd: (build: Watched) => void = () => undefined;

  private _client: Client | null = null;
  private _root = '';
  private _following: Pending | null = null;

  /** Another kernel, or none. A build that goes on is found again. */
  attach(client: Client | null, root: string): void {
    this._client = client;
    this._following = null;
    if (client && root !== this._root) {
      this._root = root;
      this.state.set(NO_BUILDS);
    }
    if (client) {
      void this.refresh(true);
    }
  }

  get ready(): boolean {
    return this._client !== null;
  }

  get running(): boolean {
    const { shown } = this.state.get();
    return shown !== null && goesOn(shown);
  }

  /** The earlier builds; one that goes on is shown and followed. `quietly`: nobody has asked to see them. */
  async refresh(quietly = false): Promise<void> {
    const client = this._client;
    try {
      const frame = await client?.request('builds').done;
      if (!frame || client !== this._client) {
        return;
      }
      const builds = frame.builds as Build[];
      this.state.update({ builds });
      const { shown } = this.state.get();
      const here = builds.find(one => one.run === shown?.run);
      const going =
        shown && here && (goesOn(here) || goesOn(shown))
          ? here
          : (builds.find(goesOn) ?? (shown ? undefined : builds.slice(0, 1).find(justEnded)));
      if (going && !this._following) {
        this.show(going);
      }
    } catch (error) {
      if (!quietly && client === this._client) {
        this.state.update({ problem: problemOf(error), builds: this.state.get().builds ?? [] });
      }
    }
  }

  async look(): Promise<void> {
    const client = this._client;
    try {
      const frame = await client?.request('projects').done;
      if (!frame || client !== this._client) {
        return;
      }
      const projects = frame.projects as Project[];
      const { project } = this.state.get();
      this.state.update({
        projects,
        missing: frame.missing as BuildsState['missing'],
        project: projects.some(one => one.key === project) ? project : (projects[0]?.key ?? '')
      });
    } catch (error) {
      if (client === this._client) {
        this.state.update({ problem: problemOf(error), projects: this.state.get().projects ?? [] });
      }
    }
  }

  change(change: Partial<BuildsState>): void {
    this.state.update(change);
  }

  /** A project made from the tables. */
  async scaffold(): Promise<void> {
    this.state.update({ starting: true, problem: null });
    try {
      const frame = await this._client!.request('scaffold').done;
      this.state.update({ project: String(frame.key) });
      await this.look();
    } catch (error) {
      this.state.update({ problem: problemOf(error) });
    } finally {
      this.state.update({ starting: false });
    }
  }

  async start(): Promise<void> {
    const { project, verb, select, exclude, full, starting } = this.state.get();
    if (!this._client || !project || starting || this.running) {
      return;
    }
    this.state.update({ starting: true, problem: null });
    try {
      const frame = await this._client.request('build', {
        project,
        command: verb,
        select,
        exclude,
        full_refresh: full && (verb === 'build' || verb === 'run' || verb === 'seed')
      }).done;
      this.show(frame.run as Build);
    } catch (error) {
      this.state.update({ problem: problemOf(error) });
    } finally {
      this.state.update({ starting: false });
    }
  }

  /** The same once more. */
  async again(build: Build): Promise<void> {
    this.state.update(wishesOf(build.text, this.state.get().projects ?? []));
    await this.start();
  }

  /** Follows one that goes on, or reads one that has ended. */
  show(build: Build): void {
    const { shown } = this.state.get();
    const seen = shown?.run === build.run ? shown : null;
    const none = { nodes: [], total: 0, log: [], error: null, folder: '', stopping: false };
    this.state.update({ shown: { ...none, ...(seen ?? {}), ...build, nodes: [], log: [] }, problem: null });
    const asked = this._client!.request('follow', { run: build.run }, frame => this._heard(asked, frame));
    this._following?.cancel();
    this._following = asked;
    const was = goesOn(build);
    asked.done.then(
      frame => {
        if (this._following !== asked) {
          return;
        }
        this._following = null;
        const { nodes, log } = this.state.get().shown!;
        const ended: Watched = {
          ...this.state.get().shown!,
          ...(frame.build as Build),
          nodes: nodesAtEnd(nodes, frame.nodes as BuildNode[]).map(one =>
            // It was at work when the whole was stopped.
            one.status === 'running' ? { ...one, status: 'skipped' as const } : one
          ),
          log,
          error: frame.error as Watched['error'],
          folder: String(frame.folder),
          stopping: false
        };
        this.state.update({ shown: ended });
        if (was) {
          this.onEnd(ended);
          void this.refresh(true);
        }
      },
      error => {
        if (this._following === asked) {
          this._following = null;
          if (!(error instanceof PanelError && error.code === 'cancelled')) {
            this.state.update({ problem: problemOf(error) });
          }
        }
      }
    );
  }

  async stop(): Promise<void> {
    const { shown } = this.state.get();
    if (!this._client || !shown || !goesOn(shown)) {
      return;
    }
    this.state.update({ shown: { ...shown, stopping: true } });
    try {
      await this._client.request('halt', { run: shown.run }).done;
    } catch (error) {
      this.state.update({ shown: { ...this.state.get().shown!, stopping: false }, problem: problemOf(error) });
    }
  }

  /** What came of it has been seen. */
  dismiss(): void {
    if (!this.running) {
      this.state.update({ shown: null });
    }
  }

  private _heard(asked: Pending, frame: Frame): void {
    const { shown } = this.state.get();
    if (!shown || (this._following && this._following !== asked)) {
      return;
    }
    if (frame.op === 'node') {
      const node = frame.node as BuildNode;
      const state = shown.state === 'queued' ? ('running' as const) : shown.state;
      const total = Math.max(shown.total, node.total ?? 0);
      this.state.update({ shown: { ...shown, state, total, nodes: nodesWith(shown.nodes, node) } });
    } else if (frame.op === 'log') {
      this.state.update({ shown: { ...shown, log: [...shown.log, String(frame.text)].slice(-LINES) } });
    }
  }
}

/** What somebody asked for, from the text of a run: "dbt build --select a b --full-refresh in shop". */
export function wishesOf(text: string, projects: Project[]): Partial<BuildsState> {
  const words = text.split(' ');
  const at = words.lastIndexOf('in');
  const project = at > 1 ? words.slice(at + 1).join(' ') : '.';
  const named = projects.some(one => one.key === project);
  const options = words.slice(2, named && at > 1 ? at : undefined);
  const given = (name: string): string => {
    const begin = options.indexOf(name);
    const rest = begin < 0 ? [] : options.slice(begin + 1);
    const end = rest.findIndex(one => one.startsWith('--'));
    return (end < 0 ? rest : rest.slice(0, end)).join(' ');
  };
  return {
    ...(named ? { project } : {}),
    verb: VERBS.find(one => one === words[1]) ?? 'build',
    select: given('--select'),
    exclude: given('--exclude'),
    full: options.includes('--full-refresh')
  };
}
