import Testing

@testable import Command

@Suite struct ImportPlainTextTests {
    @Test(arguments: [
        ("Plain text.\nSecond line. ", "Plain text.\nSecond line."),
        ("<p>One</p><p>Two <b>bold</b></p>", "One\n\nTwo bold"),
        ("<p>One\n   two</p>\n<p>Three</p>", "One two\n\nThree"),
        ("a<br>b<br/>c<BR />d", "a\nb\nc\nd"),
        ("<ul>\n<li>wool</li>\n<li>silk</li>\n</ul>", "wool\n\nsilk"),
        ("Tom &amp; Jerry &lt;3 &quot;x&quot; &#39;y&#x27; &nbsp;z", "Tom & Jerry <3 \"x\" 'y'  z"),
        ("za&zdot;&oacute;&lstrok;&#263;", "zażółć"),
        ("a < b and c > d", "a < b and c > d"),
        ("5 < 6 <b>7</b>", "5 < 6 7"),
        ("&unknown; & &; &#xZZ; AT&T", "&unknown; & &; &#xZZ; AT&T"),
        ("<script>alert('<p>x</p>')</script>Good<style>p{}</style>", "Good"),
        ("<!-- hidden <b> -->shown<!-->!", "shown!"),
        (#"<a href="x>y" title='a>b'>link</a>"#, "link"),
        ("<p", "<p"), ("<", "<"), ("<b>unclosed", "unclosed"), ("<script>never closed", ""),
        ("&lt;b&gt;not a tag&lt;/b&gt;", "<b>not a tag</b>"),
        ("&#0;&#xD800;&#x110000;&#99999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}&#99999999999;"),
        ("<td>a</td><td>b</td>", "a b"), ("   ", ""), ("", ""),
    ])
    func `text of HTML`(html: String, text: String) {
        #expect(ImportPlainText.text(ofHTML: html) == text)
    }

    @Test(arguments: ["<a ", "<!--", "<", "&", "<a x='", "<script>", "<p>", "&#", "</", "<!", "<a x=\">"])
    func `hostile text takes no longer than its length`(piece: String) {
        // With a look through the rest at each piece this would take minutes.
        let text = String(repeating: piece, count: (1 << 16) / piece.utf8.count)
        _ = ImportPlainText.text(ofHTML: text)
        _ = ImportPlainText.text(ofHTML: text + ">")
        _ = ImportPlainText.text(ofHTML: text + "-->")
    }

    @Test func `any text: no crash, never U+0000`() {
        var random = SplitMix(seed: 5)
        let pieces = ["<", ">", "&", ";", "#", "x", "0", "p", "/", "!", "--", "\"", "'", "=", " ", "\n", "script", "ł"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            #expect(!ImportPlainText.text(ofHTML: text).unicodeScalars.contains("\0"))
        }
    }
}
