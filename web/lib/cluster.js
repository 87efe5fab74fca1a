// What the overview says about nodes, from the two answers that know something. Pure.

/** status.json is an array with one object {NODE: {...}}. */
export function statusByNode(status) {
  const merged = {};
  for (const part of Array.isArray(status) ? status : []) Object.assign(merged, part);
  return merged;
}

/** One row a member: {name, isRunning, isSelf, ...numbers of status.json}. */
export function memberRows(node, status) {
  const known = statusByNode(status);
  const running = new Map((node?.cluster ?? []).map((member) => [member.node, member.running]));
  for (const name of Object.keys(known)) if (!running.has(name)) running.set(name, true);
  if (node && !running.has(node.node)) running.set(node.node, true);
  return [...running].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, isRunning]) => ({
    ...known[name], name, isRunning: isRunning === true, isSelf: name === node?.node,
  }));
}

/** Who sees whom: {names, rows: [{name, sees: [true, false, null…]}]}. */
export function sightings(status) {
  const known = statusByNode(status);
  const names = new Set(Object.keys(known));
  const views = Object.entries(known).map(([name, numbers]) => {
    const seen = Object.assign({}, ...(numbers.mystatus ?? []));
    for (const other of Object.keys(seen)) names.add(other);
    return [name, seen];
  });
  const sorted = [...names].sort();
  return {
    names: sorted,
    rows: views.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, seen]) => ({
      name, sees: sorted.map((other) => seen[other] ?? null),
    })),
  };
}

/** The critical ones first, then by name. */
export function sortedIssues(issues) {
  const weight = (issue) => (issue.level === "critical" ? 0 : 1);
  return [...(issues ?? [])].sort(
    (a, b) => weight(a) - weight(b) || (String(a.name) < String(b.name) ? -1 : 1));
}

/** "All well", "1 warning", "2 critical, 1 warning". */
export function issueSummary(issues) {
  const critical = issues.filter((issue) => issue.level === "critical").length;
  const warnings = issues.length - critical;
  const parts = [];
  if (critical) parts.push(`${critical} critical`);
  if (warnings) parts.push(`${warnings} ${warnings === 1 ? "warning" : "warnings"}`);
  return parts.join(", ") || "All well";
}

/**
 * Addresses of the WebSocket listeners as this browser may reach them: a listener on every
 * address, or on loopback, is tried at the host that the page came from.
 */
export function webSocketUrls(listeners, pageHost) {
  const urls = [];
  for (const listener of listeners ?? []) {
    const isTls = /^(mqtt)?wss$/.test(listener.type);
    if (!isTls && !/^(mqtt)?ws$/.test(listener.type)) continue;
    const isAnywhere = /^(0\.0\.0\.0|::|\[::\]|127\..*|::1|localhost|)$/.test(
      listener.address ?? "");
    const host = isAnywhere ? pageHost : listener.address;
    const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    const name = listener.name ? `${listener.type} ${listener.name}` : listener.type;
    const port = listener.port;
    urls.push({ url: `${isTls ? "wss" : "ws"}://${bracketed}:${port}/mqtt`, name });
  }
  return urls;
}
