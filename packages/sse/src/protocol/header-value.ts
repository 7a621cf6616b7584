/**
 * Matches a character that no HTTP header can carry: a control character other than a tab. ([RFC
 * 9110, 5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5).) Fetch lets most of them pass,
 * but Node sends no such request, and a server in Node answers it with 400.
 */
export const unsendable = /[^\t -~\x80-\uffff]/
