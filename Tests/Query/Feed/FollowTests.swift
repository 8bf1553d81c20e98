import AsyncHTTPClient
import EventSourcing
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Postgres
import TestSupport
import Testing

@testable import Query

/// Over real sockets.
@Suite struct `Following /v1/events` {
    /// Opens a stream and says what it has got so far.
    private func follow(
        _ app: QueryApp, _ query: String = "", of shop: QueryApp.Shop, _ headers: [String: String] = [:]
    ) async throws -> (HTTPClientResponse, Received, Task<Void, any Error>) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(app.port)/v1/events?follow=true\(query)")
        for (name, value) in shop.headers.first(where: { $0.reader == .member })?.fields ?? [] {
            request.headers.add(name: name, value: value)
        }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let received = Received(keepsText: true)
        let task = Task { for try await part in response.body { received.add(part) } }
        return (response, received, task)
    }

    private func append(_ app: QueryApp, _ position: Int64, of shop: QueryApp.Shop) async throws {
        try await app.log.append(
            "ItemReceived", StreamID(category: "item", id: .version7()), version: 1, position: position, of: shop.id,
            data: #"{"title": "Żakiet\nin two lines"}"#)
    }

    @Test func `what was there comes first and then what comes, each as in the list`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            try await append(app, 1, of: shop)
            try await append(app, 2, of: other)
            let (response, received, stream) = try await follow(app, of: shop)
            #expect(response.status == .ok)
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            #expect(response.headers.first(name: "cache-control") == "private, no-store")
            #expect(response.headers.first(name: "x-accel-buffering") == "no")
            #expect(response.headers.first(name: "content-encoding") == nil)
            #expect(response.headers.first(name: "closter-position") != nil)
            try await eventually { received.positions == [1] }
            for position in 3...6 as ClosedRange<Int64> {
                try await append(app, position, of: position == 4 ? other : shop)
            }
            try await eventually { received.positions == [1, 3, 5, 6] }

            let listed = try await app.get("/v1/events", of: shop).data
            let frames = received.text.components(separatedBy: "\n\n").dropLast().dropFirst()
            #expect(received.text.hasPrefix("retry: "))
            #expect(frames.count == 4)
            for (frame, document) in zip(frames, listed) {
                let lines = frame.split(separator: "\n")
                try #require(lines.count == 3)
                #expect(lines[1] == "event: ItemReceived")
                #expect(try JSONValue(parsing: String(lines[2].dropFirst("data: ".count))) == document)
            }
            let metrics = try await app.get("/metrics", of: nil).text
            #expect(metrics.contains("\ncloster_followers 1\n"))
            #expect(metrics.contains("\ncloster_feed_sent_total 4\n"))
            try await app.log.append(
                "KeyCreated", StreamID(category: "tenant", id: shop.id.uuid), version: 1, position: 7, of: shop.id,
                data: #"{"key_id": "k", "hash": "sealed"}"#)
            try await eventually { received.positions.last == 7 }
            #expect(!received.text.contains("sealed"))
            // A reader that goes makes room at once.
            stream.cancel()
            try await eventually { try await app.get("/metrics", of: nil).text.contains("\ncloster_followers 0\n") }
        }
    }

    @Test func `a reader that comes back goes on after the last event it has`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            for position in 1...5 as ClosedRange<Int64> { try await append(app, position, of: shop) }
            let (_, byHeader, first) = try await follow(app, "&after=1", of: shop, ["Last-Event-ID": "3"])
            let (_, byAddress, second) = try await follow(app, "&after=1", of: shop)
            try await eventually { byHeader.positions == [4, 5] && byAddress.positions == [2, 3, 4, 5] }
            try await append(app, 6, of: shop)
            try await eventually { byHeader.positions == [4, 5, 6] && byAddress.positions == [2, 3, 4, 5, 6] }
            first.cancel()
            second.cancel()
        }
    }

    @Test func `what cannot be followed is refused`() async throws {
        try await QueryApp.with(variables: ["CLOSTER_FOLLOWERS": "1"]) { app in
            let shop = try await app.shop()
            let path = "/v1/events?follow=true"
            #expect(try await app.get(path + "&limit=5", of: shop).pointers == ["/limit"])
            #expect(try await app.get(path, of: shop, ["Last-Event-ID": "x"]).code == "invalid_header")
            #expect(try await app.get(path, of: shop, ["Last-Event-ID": "-1"]).code == "invalid_header")
            #expect(try await app.get(path + "&after=1", of: shop).code == "invalid_position")
            for reader in [QueryApp.Reader.storefront, .backEnd] {
                #expect(try await app.get(path, as: reader, of: shop).status == 403)
            }
            // An answer without a body takes nobody's place.
            #expect(try await app.get(path, of: shop, method: .HEAD).status == 200)
            let (_, _, stream) = try await follow(app, of: shop)
            let refused = try await app.get(path, of: shop)
            #expect(refused.status == 503)
            #expect(refused["retry-after"] != nil)
            stream.cancel()
        }
    }

    @Test func `a service that stops ends its streams`() async throws {
        var open: Task<Void, any Error>?
        try await QueryApp.with { app in
            let shop = try await app.shop()
            try await append(app, 1, of: shop)
            let (_, received, stream) = try await follow(app, of: shop)
            try await eventually { received.positions == [1] }
            open = stream
        }
        // The service has ended before this one, and told it so in order.
        try await open?.value
    }

    @Test func `a stream outlives every connection of the service to its database`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let (_, received, stream) = try await follow(app, of: shop)
            for position in 1...10 as ClosedRange<Int64> {
                try await append(app, position, of: shop)
                try await app.administrator.simple(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND usename = 'closter_query'
                    """)
            }
            try await eventually { received.positions.count >= 10 }
            #expect(received.positions == Array(1...10))
            stream.cancel()
        }
    }
}
