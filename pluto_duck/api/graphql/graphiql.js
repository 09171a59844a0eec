'use strict';
// A page of its own, without anything from elsewhere: all text is put in as text, never as markup.
const at = id => document.getElementById(id);
const address = new URL('graphql', location.href);
address.search = '';
const named = new URLSearchParams(location.search);
if (named.get('workspace')) { address.searchParams.set('workspace', named.get('workspace')); }
let token = named.get('token') || '';
if (token) {
  named.delete('token');
  history.replaceState(null, '', location.pathname + (named.size ? `?${named}` : ''));
}
let stop = null;
let schema = null;

function credential() {
  const key = at('key').value.trim();
  return key ? `Bearer ${key}` : token ? `token ${token}` : '';
}

async function ask(body, signal) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' };
  if (credential()) { headers.Authorization = credential(); }
  const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie);
  if (xsrf) { headers['X-XSRFToken'] = xsrf[1]; }
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body), signal,
    credentials: credential() ? 'omit' : 'same-origin' });
  return answer.json();
}

function follow(body, tell) {
  const line = new URL(address);
  line.protocol = line.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(line, 'graphql-transport-ws');
  const ended = new Promise(done => { socket.onclose = event => done(event); });
  socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init',
    payload: credential() ? { Authorization: credential() } : {} }));
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === 'connection_ack') { socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: body })); }
    if (message.type === 'ping') { socket.send(JSON.stringify({ type: 'pong' })); }
    if (message.type === 'next') { tell(message.payload); }
    if (message.type === 'error') { tell({ errors: message.payload }); socket.close(1000); }
    if (message.type === 'complete') { socket.close(1000); }
  };
  return { ended, close: () => socket.close(1000) };
}

const show = value => { at('result').textContent = typeof value === 'string' ? value : JSON.stringify(value, null, 2); };

// Operations of the document: only their kinds and names, without texts and comments.
function operations() {
  const bare = at('query').value.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"/g, '""').replace(/#.*/g, '');
  const found = [];
  let depth = 0;
  for (const [word] of bare.matchAll(/[{}]|\b(?:query|mutation|subscription)\b\s*\w*/g)) {
    if (word === '{') { depth += 1; } else if (word === '}') { depth -= 1; } else if (!depth) {
      const [kind, name = ''] = word.split(/\s+/);
      found.push({ kind, name });
    }
  }
  return found;
}

function listOperations() {
  const names = operations().map(one => one.name).filter(Boolean);
  const choice = at('operation');
  const before = choice.value;
  choice.replaceChildren(new Option('the only one', ''), ...names.map(name => new Option(name, name)));
  choice.value = names.includes(before) ? before : '';
}

async function run() {
  if (stop) { return; }
  listOperations();
  const body = { query: at('query').value, operationName: at('operation').value || null };
  try {
    body.variables = at('variables').value.trim() ? JSON.parse(at('variables').value) : {};
  } catch (error) {
    show(`The variables are not JSON: ${error.message}`);
    return;
  }
  const all = operations();
  const chosen = all.find(one => one.name === body.operationName) || all[0];
  const started = performance.now();
  at('run').disabled = true;
  at('stop').disabled = false;
  at('said').textContent = 'Running …';
  try {
    if (chosen && chosen.kind === 'subscription') {
      const events = [];
      show('');
      const line = follow(body, event => { events.push(event); show(events.slice(-200)); });
      stop = line.close;
      const end = await line.ended;
      if (end.code !== 1000) { show([...events, { closed: end.code, reason: end.reason }]); }
    } else {
      const abort = new AbortController();
      stop = () => abort.abort();
      show(await ask(body, abort.signal));
    }
  } catch (error) {
    show(error.name === 'AbortError' ? 'Stopped.' : `The server did not answer: ${error.message}`);
  }
  stop = null;
  at('run').disabled = false;
  at('stop').disabled = true;
  at('said').textContent = `Result · ${Math.round(performance.now() - started)} ms`;
}

// -- the schema --------------------------------------------------------------------------------------

const TYPE = 'kind name ofType {kind name ofType {kind name ofType {kind name ofType {kind name}}}}';
const LOOK = `{__schema {queryType {name} mutationType {name} subscriptionType {name} types {kind name description
  fields {name description args {name type {${TYPE}}} type {${TYPE}}} inputFields {name description type {${TYPE}}}
  enumValues {name description}}}}`;

async function look() {
  const found = await ask({ query: LOOK }).catch(error => ({ errors: [{ message: error.message }] }));
  if (!found.data) {
    const why = found.errors ? found.errors[0].message : found.detail || 'The schema is not told.';
    at('docs').replaceChildren(line('p', `${why} Paste a key above, or log in to Jupyter.`));
    schema = null;
    return;
  }
  schema = new Map(found.data.__schema.types.map(type => [type.name, type]));
  roots = ['query', 'mutation', 'subscription'].map(kind => found.data.__schema[`${kind}Type`]).filter(Boolean).map(one => one.name);
  home();
}
let roots = [];

function line(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) { made.className = kind; }
  return made;
}

function link(name) {
  const made = line('button', name, 'link');
  made.addEventListener('click', () => describe(name));
  return made;
}

function typed(type) {
  if (type.kind === 'NON_NULL') { return [...typed(type.ofType), '!']; }
  return type.kind === 'LIST' ? ['[', ...typed(type.ofType), ']'] : [link(type.name)];
}

function fieldOf(field) {
  const made = line('div', '', 'field');
  made.append(line('strong', field.name));
  (field.args || []).forEach((one, i) => made.append(i ? ', ' : ' (', `${one.name}: `, ...typed(one.type)));
  if (field.args && field.args.length) { made.append(')'); }
  if (field.type) { made.append(': ', ...typed(field.type)); }
  if (field.description) { made.append(line('div', field.description, 'note')); }
  return made;
}

function describe(name) {
  const type = schema.get(name);
  const back = line('button', '‹ Schema', 'link');
  back.addEventListener('click', home);
  const parts = [back, line('h2', name)];
  if (type.description) { parts.push(line('p', type.description)); }
  parts.push(...(type.fields || type.inputFields || type.enumValues || []).slice(0, 1000).map(fieldOf));
  at('docs').replaceChildren(...parts);
  at('docs').scrollTop = 0;
}

function home() {
  if (!schema) { return; }
  const wanted = at('search').value.trim().toLowerCase();
  if (!wanted) {
    const parts = [];
    for (const root of roots) { parts.push(line('h2', root), ...schema.get(root).fields.slice(0, 1000).map(fieldOf)); }
    at('docs').replaceChildren(...parts);
    return;
  }
  const found = [];
  for (const type of schema.values()) {
    const inside = (type.fields || type.inputFields || []).filter(one => one.name.toLowerCase().includes(wanted));
    if (type.name.toLowerCase().includes(wanted) || inside.length) {
      const row = line('div', '', 'field');
      row.append(link(type.name), inside.length ? ` · ${inside.slice(0, 6).map(one => one.name).join(', ')}` : '');
      found.push(row);
    }
  }
  at('docs').replaceChildren(...(found.length ? found.slice(0, 300) : [line('p', 'Nothing has this name.')]));
}

at('query').value = named.get('query') || '{\n  __typename\n}\n';
at('variables').value = named.get('variables') || '';
at('run').addEventListener('click', run);
at('stop').addEventListener('click', () => stop && stop());
at('search').addEventListener('input', home);
at('key').addEventListener('change', look);
at('query').addEventListener('change', listOperations);
document.addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') { event.preventDefault(); run(); }
});
listOperations();
look();
