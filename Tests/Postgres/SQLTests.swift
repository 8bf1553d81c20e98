import Foundation
import Postgres
import Testing

@Suite struct SQLTests {
    @Test func `an interpolated value is bound, never pasted`() {
        let evil = "'; DROP TABLE t; --"
        let sql: SQL = "SELECT * FROM t WHERE name = \(evil) AND n > \(3)"
        #expect(sql.text == "SELECT * FROM t WHERE name = $1 AND n > $2")
    }

    @Test func `an unlabelled literal binds too`() {
        #expect(SQL("SELECT \(1)").text == "SELECT $1")
    }

    @Test func `an identifier is quoted`() {
        let sql: SQL = "SELECT * FROM \(identifier: "a\"b")"
        #expect(sql.text == "SELECT * FROM \"a\"\"b\"")
    }

    @Test func `joined statements number their values anew`() {
        let sql: SQL = "SELECT \(1)" + ", \(2)" + SQL(", $1, $2", [3, 4])
        #expect(sql.text == "SELECT $1, $2, $3, $4")
    }

    @Test func `a part keeps its values when it is inserted`() {
        let part: SQL = "a = \(1) OR b = \(2)"
        let sql: SQL = "SELECT \(0) WHERE \(part) AND c = \(3)"
        #expect(sql.text == "SELECT $1 WHERE a = $2 OR b = $3 AND c = $4")
    }

    @Test(arguments: [
        ("'$1' || $1", "'$1' || $2"),
        ("'it''s $1', $1", "'it''s $1', $2"),
        (#"E'\'$1', $1"#, #"E'\'$1', $2"#),
        (#"'\', $1"#, #"'\', $2"#),
        (#""$1", $1"#, #""$1", $2"#),
        ("$$ $1 $$, $1", "$$ $1 $$, $2"),
        ("$x$ $1 $$ $x$, $1", "$x$ $1 $$ $x$, $2"),
        ("-- $1\n$1", "-- $1\n$2"),
        ("/* $1 /* $1 */ $1 */ $1", "/* $1 /* $1 */ $1 */ $2"),
        ("a$1, $12", "a$1, $13"),
    ])
    func `only parameters are renumbered`(text: String, expected: String) {
        #expect((SQL("\(0) ") + SQL(text, [1])).text == "$1 " + expected)
    }
}
