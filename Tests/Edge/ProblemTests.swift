import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Postgres
import Testing

@Suite struct ProblemTests {
    @Test func `a problem has the contract's fields and no others`() throws {
        let id = UUID()
        var problem = Problem(
            .invalidFields, "two fields",
            errors: [FieldError(pointer: "/title", code: "required", detail: "is \"required\"")])
        problem.headers[.allow] = "GET"

        let json = try JSONValue(parsing: problem.bytes(correlationID: id))

        #expect(
            json == [
                "type": "/problems/invalid_fields", "title": "Invalid fields", "status": 422, "detail": "two fields",
                "code": "invalid_fields", "correlation_id": .string(id.uuidString.lowercased()),
                "errors": [["pointer": "/title", "code": "required", "detail": "is \"required\""]],
            ])
    }

    @Test func `every code is there once and can be explained`() {
        let codes = Problem.Code.all

        #expect(Set(codes.map(\.code)).count == codes.count)
        for code in codes {
            #expect(code.code.wholeMatch(of: /[a-z_]+/) != nil)
            #expect((400..<600).contains(code.status))
            #expect(!code.title.isEmpty)
            #expect(code.explanation.hasSuffix("."))
        }
        #expect(
            Set(codes.map(\.status)) == [
                400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 431, 500, 501, 503,
            ])
    }

    @Test func `what may pass soon says when to come back`() {
        for code in Problem.Code.all {
            let hasRetryAfter = Problem(code).headers[.retryAfter] != nil
            #expect(hasRetryAfter == (code.status == 503 || code.status == 429))
        }
        #expect(Problem(.unavailable, retryAfter: 5).headers[.retryAfter] == "5")
    }

    @Test(
        arguments: [
            (.connectionFailed, "unavailable"), (.poolWaitExceeded, "unavailable"), (.closed, "unavailable"),
            (.deadlineExceeded, "unavailable"), (.cancelled, "unavailable"), (.connectionLost, "unavailable"),
            (.decoding, "internal"), (.invalidConfiguration, "internal"), (.server(sqlState: "40001"), "conflict"),
            (.server(sqlState: "40P01"), "conflict"), (.server(sqlState: "23505"), "conflict"),
            (.server(sqlState: "55P03"), "unavailable"), (.server(sqlState: "57014"), "unavailable"),
            (.server(sqlState: "57P01"), "unavailable"), (.server(sqlState: "08006"), "unavailable"),
            (.server(sqlState: "53300"), "unavailable"), (.server(sqlState: "25006"), "unavailable"),
            (.server(sqlState: "42501"), "internal"), (.server(sqlState: "42P01"), "internal"),
        ] as [(PostgresError.Kind, String)])
    func `a failure of the database is what it means to the client`(kind: PostgresError.Kind, code: String) {
        #expect(Problem(postgres: PostgresError(kind, "secret")).code.code == code)
    }

    @Test func `a read whose connection was lost can simply be repeated`() {
        #expect(Problem(postgres: PostgresError(.connectionLost, "")).code == .unavailable)
    }

    @Test func `whatever a handler throws becomes a problem without internals`() async throws {
        struct Secret: Error, CustomStringConvertible { let description = "password hunter2" }
        let fixture = try EdgeFixture()
        let application = fixture.application { router in
            router.get("/unknown") { _, _ -> Response in throw Secret() }
            router.get("/away") { _, _ -> Response in throw PostgresError(.connectionFailed, "to 10.0.0.1 refused") }
            router.post("/lost") { _, _ -> Response in throw PostgresError(.connectionLost, "gone") }
            router.get("/framework") { _, _ -> Response in throw HTTPError(.badRequest, message: "odd") }
            router.get("/own") { _, _ -> Response in throw Problem(.conflict, "mine", retryAfter: 7) }
        }

        try await application.test(.router) { client in
            let unknown = try await client.execute(uri: "/unknown", method: .get)
            #expect(unknown.status == .internalServerError)
            #expect(unknown.problem == "internal")
            #expect(!String(buffer: unknown.body).contains("hunter2"))
            let away = try await client.execute(uri: "/away", method: .get)
            #expect(away.status == .serviceUnavailable)
            #expect(away.headers[.retryAfter] == "1")
            #expect(!String(buffer: away.body).contains("10.0.0.1"))
            #expect(try await client.execute(uri: "/lost", method: .post).problem == "unavailable")
            let framework = try await client.execute(uri: "/framework", method: .get)
            #expect(framework.status == .badRequest)
            #expect(framework.problem == "bad_request")
            let own = try await client.execute(uri: "/own", method: .get)
            #expect(own.headers[.retryAfter] == "7")
            #expect(own.json?["detail"]?.stringValue == "mine")
        }
    }
}
