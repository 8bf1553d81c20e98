import Foundation
import Postgres
import Testing

/// Every type at its edges, there and back through a real server.
@Suite struct TypeTests {
    private func echo<Value: PostgresEncodable & PostgresDecodable & Equatable>(
        _ values: [Value], cast: String
    ) async throws {
        try await withConnection { connection in
            for value in values {
                let sql: SQL = "SELECT \(value)::\(unescaped: cast), \(Value?.none)::\(unescaped: cast)"
                let row = try await connection.query(sql)[0]
                #expect(try row.decode(0, as: Value.self) == value)
                #expect(try row.decode(0, as: Value?.self) == value)
                #expect(try row.decode(1, as: Value?.self) == nil)
                #expect(row.isNull(1))
            }
        }
    }

    @Test func integers() async throws {
        try await echo([Int16.min, -1, 0, 1, .max], cast: "int2")
        try await echo([Int32.min, -1, 0, 1, .max], cast: "int4")
        try await echo([Int64.min, -1, 0, 1, .max], cast: "int8")
        try await echo([Int.min, 0, .max], cast: "int8")
    }

    @Test func `booleans, doubles and uuids`() async throws {
        try await echo([true, false], cast: "bool")
        try await echo(
            [0, -0.0, 0.1, .pi, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity, -.infinity], cast: "float8"
        )
        try await echo([UUID(), UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))], cast: "uuid")
        try await withConnection { connection in
            let row = try await connection.query("SELECT \(Double.nan)")[0]
            #expect(try row.decode(0, as: Double.self).isNaN)
        }
    }

    @Test func text() async throws {
        try await echo(["", "a", "'\"\\{},NULL", "größer 👗 \u{10FFFF}", "\n\t\u{1}"], cast: "text")
    }

    @Test func timestamps() async throws {
        try await echo(
            [
                0, 1, -1, 946_684_800_000_000, 1_769_767_200_123_456, -62_135_596_800_000_000,
                -62_135_596_800_000_001, 253_402_300_800_000_000, -210_866_803_200_000_000, 9_223_371_331_199_999_999,
            ].map { PostgresTimestamp(microseconds: $0) } + [.infinity, .negativeInfinity], cast: "timestamptz")
        try await withConnection { connection in
            let row = try await connection.query(
                "SELECT '2026-01-30 10:00:00.5+02'::timestamptz, '2026-01-30'::date, '2026-01-30 08:00'::timestamp")[0]
            #expect(try row.decode(0, as: PostgresTimestamp.self).microseconds == 1_769_760_000_500_000)
            #expect(try row.decode(1, as: PostgresTimestamp.self).microseconds == 1_769_731_200_000_000)
            #expect(try row.decode(2, as: PostgresTimestamp.self).microseconds == 1_769_760_000_000_000)
            let tooEarly = await postgresError {
                try await connection.query("SELECT \(PostgresTimestamp(microseconds: .min + 1))")
            }
            #expect(tooEarly?.sqlState == "22008")
        }
    }

    @Test func numerics() async throws {
        let long = String(repeating: "9", count: 400) + "." + String(repeating: "1", count: 400)
        try await echo(["0", "-12.340", "NaN", "Infinity", long].map(PostgresNumeric.init), cast: "numeric")
        try await withConnection { connection in
            let error = await postgresError { try await connection.query("SELECT \(PostgresNumeric("1\u{0}2"))") }
            #expect(error?.sqlState == "22P02")
        }
    }

    @Test func json() async throws {
        try await echo([JSONText("{}"), JSONText(#"{"a": [1, null, "ü"]}"#)], cast: "jsonb")
        try await echo([JSONText(#"{"b":1,"a": 2,  "b":3}"#)], cast: "json")
        try await withConnection { connection in
            try await connection.simple("CREATE TABLE t (j jsonb, k json)")
            let document = JSONText(#"{"a": 1}"#)
            _ = try await connection.query("INSERT INTO t VALUES (\(document), \(document))")
            let row = try await connection.query("SELECT j, k, j ->> 'a' AS a FROM t")[0]
            #expect(try row.decode("j", as: JSONText.self) == document)
            #expect(try row.decode("a", as: String.self) == "1")
            let documents = [document, document]
            let rows = try await connection.query("SELECT d::jsonb FROM unnest(\(documents)::text[]) AS d")
            #expect(rows.count == 2)
            let cut = await postgresError {
                try await connection.query("INSERT INTO t VALUES (\(JSONText("1\u{0}2")), NULL)")
            }
            #expect(cut?.sqlState == "22P02")
        }
    }

    @Test func bytes() async throws {
        try await echo([PostgresBytes([]), PostgresBytes(Array(0...255))], cast: "bytea")
    }

    @Test func arrays() async throws {
        try await echo([[Int16](), [.min, 0, .max]], cast: "int2[]")
        try await echo([[Int32](), [.min, 0, .max]], cast: "int4[]")
        try await echo([[Int64](), [.min, 0, .max]], cast: "int8[]")
        try await echo([[Int?.none, 1, nil], []], cast: "int8[]")
        try await echo([[true, nil, false]], cast: "bool[]")
        try await echo([[0.1, -.infinity, nil]], cast: "float8[]")
        try await echo([[UUID(), UUID()]], cast: "uuid[]")
        try await echo([["", "NULL", "null", nil, "a,b", "{}", "\"", "\\", " x ", "ü"]], cast: "text[]")
        try await echo([[PostgresTimestamp(microseconds: -1), .infinity]], cast: "timestamptz[]")
        try await echo([[PostgresNumeric("1.50"), nil, PostgresNumeric("NaN")]], cast: "numeric[]")
        try await echo([[PostgresBytes([0, 1, 92, 34]), PostgresBytes([])]], cast: "bytea[]")
    }

    @Test func `values of a mebibyte and more`() async throws {
        let size = 1 << 20
        try await echo([String(repeating: "ü", count: size)], cast: "text")
        try await echo([PostgresBytes((0..<size).map { UInt8(truncatingIfNeeded: $0) })], cast: "bytea")
        try await echo([Array(0..<100_000)], cast: "int8[]")
    }

    @Test func `a zero character in text is refused, not cut off`() async throws {
        try await withConnection { connection in
            let error = await postgresError { try await connection.query("SELECT \("a\u{0}b")") }
            #expect(error?.sqlState == "22021")
        }
    }

    @Test func `what is not of the type asked for is an error that does not quote it`() async throws {
        try await withConnection { connection in
            let row = try await connection.query("SELECT 'secret' AS word, NULL::int8 AS nothing, 40000 AS big")[0]
            let word = #expect(throws: PostgresError.self) { try row.decode("word", as: Int.self) }
            #expect(word?.kind == .decoding)
            #expect(word.map { "\($0)".contains("secret") } == false)
            #expect(throws: PostgresError.self) { try row.decode("nothing", as: Int.self) }
            #expect(throws: PostgresError.self) { try row.decode("big", as: Int16.self) }
            #expect(throws: PostgresError.self) { try row.decode("absent", as: Int.self) }
            #expect(throws: PostgresError.self) { try row.decode(3, as: Int.self) }
        }
    }

    @Test func `rows tell their columns and what was touched`() async throws {
        try await withConnection { connection in
            try await connection.simple("CREATE TABLE t (id int8)")
            let inserted = try await connection.query("INSERT INTO t SELECT generate_series(1, 7)")
            #expect(inserted.affected == 7 && inserted.isEmpty && inserted.commandTag == "INSERT 0 7")
            let rows = try await connection.query("SELECT id, 'x' AS \"Ä\" FROM t ORDER BY id")
            #expect(rows.columns.map(\.name) == ["id", "Ä"] && rows.columns[0].typeOID == 20)
            #expect(try rows.map { try $0.decode(0, as: Int.self) } == Array(1...7))
            #expect(rows[6]["Ä"] == "x" && rows[6].bytes(0) == Array("7".utf8))
        }
    }
}
