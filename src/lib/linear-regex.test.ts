import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRegex } from "./linear-regex.ts";

describe("a regular expression", () => {
  test.for([
    ["5..", ["500", "599"], ["50", "5000", "400"]],
    ["GET|POST", ["GET", "POST"], ["GETPOST", "get", ""]],
    ["", [""], ["a"]],
    [".*", ["", "a", "a\nb", "€😀"], []],
    [".+", ["a", "😀"], [""]],
    ["/api/v[12]/.*", ["/api/v1/", "/api/v2/things"], ["/api/v3/"]],
    ["[^a-c-]+", ["xyz", "d"], ["a", "-", "xb"]],
    ["[]x]", ["]", "x"], ["[x]"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["\\d{3}", ["123"], ["12", "1234", "١٢٣"]],
    ["a{2,}", ["aa", "aaaaa"], ["a"]],
    ["a{0,2}b", ["b", "ab", "aab"], ["aaab"]],
    ["(?:ab)*?c?", ["", "ab", "ababc", "c"], ["abcab"]],
    ["^foo$", ["foo"], ["xfoo", "foox"]],
    ["a^b|x$y", [], ["a^b", "ab", "xy"]],
    ["(^a|b)c", ["ac", "bc"], ["c"]],
    ["\\.\\*\\[\\\\", [".*[\\"], ["xx"]],
    ["\\w+\\s\\S", ["a_1 b", "a\tb"], ["a  ", "é b"]],
    ["[\\d.]+", ["1.2"], ["a"]],
    ["😀{2}", ["😀😀"], ["😀"]],
  ] as const)("%s takes the whole of a text or nothing", ([pattern, taken, refused]) => {
    const isMatch = compileRegex(pattern);
    for (const text of taken) expect(isMatch(text), text).toBe(true);
    for (const text of refused) expect(isMatch(text), text).toBe(false);
    // It remembers nothing of the text before.
    for (const text of taken) expect(isMatch(text), text).toBe(true);
  });

  test.for([
    ["(?i)get", "flags"],
    ["(?=a)", "looking ahead"],
    ["(a)\\1", "\\1 is not supported"],
    ["\\bfoo", "\\b is not supported"],
    ["\\pL", "\\p is not supported"],
    ["[[:alpha:]]", "write out the characters"],
    ["(a", "a ( without its )"],
    ["a)", "a ) without its ("],
    ["[a", "a [ without its ]"],
    ["[z-a]", "a range in [ ] that is none"],
    ["[a-\\d]", "a range in [ ] that is none"],
    ["*a", "nothing before * that it could repeat"],
    ["a**", "a repetition of a repetition"],
    ["a{2}{3}", "a repetition of a repetition"],
    ["a{3,2}", "ends before it begins"],
    ["a{101}", "more than 100 repetitions"],
    ["a{x}", "no repetition"],
    ["a{1,2", "a { that begins no repetition"],
    ["a\\", "a \\ at the end"],
    ["(a{100}){100}", "too large"],
    ["(".repeat(30), "nested deeper"],
    ["a".repeat(501), "longer than"],
  ] as const)("%s is refused", ([pattern, message]) => {
    expect(() => compileRegex(pattern)).toThrow(message);
  });

  test("nothing is tried again: what makes others stall for years ends", () => {
    const text = "a".repeat(1_000);
    for (const pattern of ["(a*)*b", "(a|a)*b", "(a|aa)+b", "a*a*a*a*a*a*b", "(a?){50}a{50}b", "(.*)(.*)(.*)(.*)[^a]"])
      expect(compileRegex(pattern)(text), pattern).toBe(false);
  });

  test("takes what Node's own takes", () => {
    const piece = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "\\d", "(?:a|b)", "(ab|)", "1", "^", "$");
    const repeated = fc.tuple(piece, fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,2}", "*?")).map(([of, how]) => (/^[\^$]$/.test(of) ? of : of + how));
    const pattern = fc
      .array(fc.array(repeated, { maxLength: 5 }), { minLength: 1, maxLength: 3 })
      .map((branches) => branches.map((branch) => branch.join("")).join("|"));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "1", "\n", "😀"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (written, given) => {
        expect(compileRegex(written)(given)).toBe(new RegExp(`^(?:${written})$`, "su").test(given));
      }),
      { numRuns: 3_000, seed: 7 },
    );
  });
});
