import Foundation
import Glibc
import JSON
import TestSupport
import Testing

/// The read switches of a running query service.
@Suite(.serialized) struct SwitchTests {
    @Test func `a flipped switch is in force without a restart`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", ["title": "Coat", "condition": "good"])
            let path = "/v1/items/\(item["id"].stringValue ?? "")"
            let visible = try await instance.read(
                path,
                instance.asOperator.merging([
                    "Closter-After": item.headers["closter-position"] ?? "", "Prefer": "wait=10",
                ]) { $1 })
            #expect(visible.headers["closter-source"] == "projections")
            var bodies: Set<[UInt8]> = [visible.body]
            for use in ["tables", "projections", "tables"] {
                try instance.setSwitches("default: \(use)\n")
                try await eventually("\(use) is in force") {
                    let answer = try await instance.read(path)
                    bodies.insert(answer.body)
                    return answer.headers["closter-source"] == use
                }
            }
            #expect(bodies.count == 1)
            try instance.setSwitches("default: [")
            try await eventually("a broken file is told") {
                try await instance.read("/v1/read-switches").text.contains("broken")
            }
            #expect(try await instance.read(path).headers["closter-source"] == "tables")
        }
    }

    @Test func `pages hold every listing that stayed published once, whatever is flipped meanwhile`() async throws {
        try await Instance.with { instance in
            var steady: [String] = []
            var restless: [String] = []
            for number in 0..<60 {
                let listing = try await Self.listing(instance, number)
                _ = try await instance.write("POST", "/v1/listings/\(listing)/publish")
                if number % 3 == 0 { restless.append(listing) } else { steady.append(listing) }
            }
            try await eventually("all are listed") {
                try await instance.read("/v1/listings?limit=200", instance.asStorefront)["data"].arrayValue?.count == 60
            }
            let isOver = Flag()
            let (kept, moved) = (steady, restless)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for use in ["tables", "projections"].cycled where !isOver.isSet {
                        try instance.setSwitches("default: \(use)\n")
                        try await eventually("\(use) is in force") {
                            if isOver.isSet { return true }
                            return try await instance.read("/v1/listings?limit=1").headers["closter-source"] == use
                        }
                        if isOver.isSet { return }
                    }
                }
                group.addTask {
                    var number = 100
                    for listing in moved.cycled {
                        if isOver.isSet { return }
                        _ = try await instance.write("POST", "/v1/listings/\(listing)/pause")
                        _ = try await instance.write("POST", "/v1/listings/\(listing)/resume")
                        let another = try await Self.listing(instance, number)
                        _ = try await instance.write("POST", "/v1/listings/\(another)/publish")
                        _ = try await instance.write(
                            "POST", "/v1/listings/\(another)/end", ["reason": "withdrawn"])
                        number += 1
                    }
                }
                var sources: Set<String> = []
                for round in 0... {
                    let sort = ["-published_at", "price", "-price", "-created_at"][round % 4]
                    var seen: [String] = []
                    var next = "/v1/listings?limit=7&sort=\(sort)"
                    while true {
                        let page = try await instance.read(next, instance.asStorefront)
                        #expect(page.status == 200, "\(page.text)")
                        seen += (page["data"].arrayValue ?? []).compactMap { $0["id"]?.stringValue }
                        sources.insert(page.headers["closter-source"] ?? "")
                        guard let cursor = page["next"].stringValue else { break }
                        next = "/v1/listings?limit=7&sort=\(sort)&cursor=\(cursor)"
                    }
                    #expect(Set(seen).count == seen.count, "a double, by \(sort)")
                    #expect(Set(kept).isSubset(of: seen), "one is missing, by \(sort)")
                    if round >= 30, sources.count == 2 { break }
                }
                isOver.set()
                try await group.waitForAll()
            }
        }
    }

    private static func listing(_ instance: Instance, _ number: Int) async throws -> String {
        let item = try await instance.write(
            "POST", "/v1/items", ["title": .string("Coat \(number)"), "condition": "good"])
        let listing = try await instance.write(
            "POST", "/v1/listings",
            [
                "item_id": .string(item["id"].stringValue ?? ""),
                "price": ["amount": JSONValue(1_000 + number % 10 * 100), "currency": "PLN"],
            ])
        return listing["id"].stringValue ?? ""
    }
}

extension Array {
    /// Its elements, over and over.
    fileprivate var cycled: some Sequence<Element> {
        sequence(state: 0) { index -> Element? in
            defer { index += 1 }
            return self.isEmpty ? nil : self[index % self.count]
        }
    }
}
