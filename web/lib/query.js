// Words and options of vmq-admin as an address of the management API. Pure.

/** A text inside a regular expression of the node, meaning itself. */
export const escapeRegex = (text) => text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");

/** The value of a filter that holds for exactly this text. */
export const exactly = (text) => (text.startsWith("~") ? `~^${escapeRegex(text)}$` : text);

/** The value of a filter that holds for every text with this one inside. */
export const containing = (text) => `~${escapeRegex(text)}`;

export const beginning = (text) => `~^${escapeRegex(text)}`;

/**
 * What an answer says in words, whether JSON or plain: {"text":…}, {"alert":[{"text":…}]} or a list
 * of them.
 */
export function saidText(body) {
  let answer;
  try {
    answer = JSON.parse(body);
  } catch {
    return body;
  }
  const texts = (one) => {
    if (Array.isArray(one)) return one.flatMap(texts);
    if (typeof one === "string") return [one];
    return one && typeof one === "object" ? texts(one.alert ?? one.text ?? []) : [];
  };
  return texts(answer).join("\n");
}

/** Of a usage screen only what is wrong, which stands at its end. */
export function complaint(text) {
  return text.startsWith("Usage: ") ? text.trim().split("\n\n").at(-1) : text;
}

/**
 * apiPath("session show", [["--client_id"], ["--user", "ann"]]) is
 * "api/v1/session/show?--client_id&--user=ann".
 */
export function apiPath(words, options = []) {
  const path = words.split(" ").map(encodeURIComponent).join("/");
  const query = options
    .filter((option) => option)
    .map(([name, value]) =>
      value === undefined ? name : `${name}=${encodeURIComponent(String(value))}`,
    )
    .join("&");
  return `api/v1/${path}${query ? `?${query}` : ""}`;
}
