// Topics as a tree, and filters that match them. Pure.

/** Rows with a `topic` as nested levels: {name, topic, row, children, count}. */
export function topicTree(rows) {
  const root = { name: "", topic: "", row: null, children: new Map(), count: 0 };
  for (const row of rows) {
    let node = root;
    node.count += 1;
    for (const name of row.topic.split("/")) {
      let next = node.children.get(name);
      if (!next) {
        const topic = node === root ? name : `${node.topic}/${name}`;
        next = { name, topic, row: null, children: new Map(), count: 0 };
        node.children.set(name, next);
      }
      node = next;
      node.count += 1;
    }
    node.row = row;
  }
  return root;
}

const byName = new Intl.Collator("en", { numeric: true }).compare;

export function sortedChildren(node) {
  return [...node.children.values()].sort((a, b) => byName(a.name, b.name));
}

/** A branch with all those that follow it alone: {label: "a/b/c", node}. */
export function joined(node) {
  const names = [node.name];
  let last = node;
  while (last.children.size === 1) {
    const [child] = last.children.values();
    // A level with a message keeps its own line.
    if (child.row || child.children.size === 0) break;
    last = child;
    names.push(last.name);
  }
  return { label: names.join("/"), node: last };
}

/** The filter without $share/GROUP/, and the group. */
export function sharedParts(filter) {
  const match = /^\$share\/([^/]+)\/(.+)$/s.exec(filter);
  return match ? { group: match[1], filter: match[2] } : { group: null, filter };
}

/** Whether a filter takes a topic, by the rules of MQTT 5 section 4.7. */
export function matches(filter, topic) {
  const wanted = sharedParts(filter).filter.split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (let index = 0; index < wanted.length; index += 1) {
    if (wanted[index] === "#") return true;
    if (index >= levels.length) return false;
    if (wanted[index] !== "+" && wanted[index] !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}

/** One group a filter: [{filter, subscribers: [row…]}], the most taken first. */
export function byFilter(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!row.topic) continue;
    if (!groups.has(row.topic)) groups.set(row.topic, { filter: row.topic, subscribers: [] });
    groups.get(row.topic).subscribers.push(row);
  }
  return [...groups.values()].sort(
    (a, b) => b.subscribers.length - a.subscribers.length || byName(a.filter, b.filter),
  );
}

/** Why a topic cannot be published to; null: it can. */
export function topicError(topic) {
  if (topic === "") return "A topic has at least one character.";
  if (/[+#]/.test(topic)) return "A topic to publish to has no + and no #.";
  if (topic.includes("\0")) return "A topic has no zero character.";
  return null;
}

/** Why a filter cannot be subscribed to; null: it can. */
export function filterError(filter) {
  if (filter === "") return "A filter has at least one character.";
  const levels = filter.split("/");
  for (let index = 0; index < levels.length; index += 1) {
    const level = levels[index];
    if (level.length > 1 && /[+#]/.test(level)) return "+ and # stand alone in their level.";
    if (level === "#" && index !== levels.length - 1) return "# is the last level of a filter.";
  }
  return null;
}
