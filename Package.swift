// swift-tools-version: 6.2
import PackageDescription

/// Every target is compiled the same way: Swift 6 mode, explicit imports, no warning left standing.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Accesses that overlap are found by every build that runs tests; a release does not look for them at each field.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

func shared(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)", swiftSettings: settings)
}

/// A service is a library, so that tests start the real thing, and an executable of a few lines beside it.
func service(_ name: String, _ dependencies: [Target.Dependency], executable: String) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies, path: "Services/\(name)", exclude: ["Main"],
            swiftSettings: settings),
        .executableTarget(
            name: executable, dependencies: [.init(stringLiteral: name)], path: "Services/\(name)/Main",
            swiftSettings: settings),
    ]
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)", resources: resources,
        swiftSettings: settings)
}

let package = Package(
    name: "closter",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
    ],
    targets: [
        // C libraries of the system: module maps, and inline functions for what Swift cannot import.
        .systemLibrary(
            name: "CLibpq", path: "Shared/CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(
            name: "CZlib", path: "Shared/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CNGHTTP2", path: "Shared/CNGHTTP2", pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]),
        .target(
            name: "COpenSSL", path: "Shared/COpenSSL",
            cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)],
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),

        // Shared: pure.
        shared("JSON", []),
        shared("EventSourcing", ["JSON"]),
        shared("Events", ["EventSourcing", "JSON"]),
        shared("Documents", ["EventSourcing", "Events", "JSON"]),

        // Shared: the database, the outside and the process.
        shared("Postgres", ["CLibpq", "COpenSSL", deque, logging]),
        shared("EventStore", ["EventSourcing", "JSON", "Postgres", deque, logging]),
        shared("Photos", ["EventSourcing", nioPosix, system]),
        shared("PersonalData", ["EventSourcing", "JSON", "Postgres", crypto]),
        shared("Runtime", [configuration, lifecycle, logging, metrics, unixSignals]),
        shared(
            "Identity",
            ["EventSourcing", "JSON", "Postgres", asyncHTTPClient, crypto, jwtKit, logging, nioCore, nioHTTP1]),
        shared(
            "Edge",
            [
                "CNGHTTP2", "COpenSSL", "CZlib", "EventSourcing", "Identity", "JSON", "Postgres", "Runtime", deque,
                httpTypes, hummingbird, lifecycle, logging, metrics, nioCore, nioHTTP1, nioPosix,
            ]),
    ]
        + service(
            "Command",
            [
                "CZlib", "Documents", "Edge", "EventSourcing", "EventStore", "Events", "Identity", "JSON",
                "PersonalData",
                "Photos", "Postgres", "Runtime", crypto, deque, httpTypes, hummingbird, lifecycle, logging, metrics,
                nioCore,
            ], executable: "closter-command")
        + service(
            "Projector",
            [
                "Documents", "Edge", "EventSourcing", "EventStore", "Events", "JSON", "Postgres", "Runtime", lifecycle,
                logging, metrics,
            ], executable: "closter-projector")
        + service(
            "Query",
            [
                "Documents", "Edge", "EventSourcing", "Identity", "JSON", "PersonalData", "Photos", "Postgres",
                "Runtime",
                crypto, deque, httpTypes, hummingbird, lifecycle, logging, metrics, nioCore, subprocess, system, yams,
            ], executable: "closter-query")
        + service(
            "Operator",
            [
                "Command", "Documents", "EventSourcing", "EventStore", "Events", "Identity", "JSON", "PersonalData",
                "Postgres", "Projector", "Query", argumentParser, asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix,
                unixSignals,
            ], executable: "closter")
        + [
            .target(name: "Ports", path: "Tests/Ports", swiftSettings: settings),
            .target(
                name: "TestSupport",
                dependencies: [
                    "EventSourcing", "EventStore", "Identity", "JSON", "Photos", "Ports", "Postgres",
                    asyncHTTPClient, logging, nioCore, nioHTTP1, subprocess, system,
                ],
                path: "Tests/Support", exclude: ["Photos"], swiftSettings: settings),
            // Not a test, and not of the product: what deploy/bench runs.
            .executableTarget(
                name: "closter-bench",
                dependencies: [
                    "JSON", "Ports", "Postgres", argumentParser, asyncHTTPClient, logging, nioCore, nioHTTP1,
                    subprocess, system,
                ], path: "Tests/Bench", swiftSettings: settings),
            tests("JSON", ["JSON"]),
            tests("EventSourcing", ["EventSourcing", "JSON"]),
            tests("Events", ["Events", "EventSourcing", "JSON"], resources: [.copy("Fixtures")]),
            tests("Documents", ["Documents", "EventSourcing", "Events", "JSON"]),
            tests("Photos", ["EventSourcing", "Photos", "TestSupport"]),
            tests("Postgres", ["COpenSSL", "Postgres", "TestSupport", logging]),
            tests(
                "PersonalData", ["EventSourcing", "JSON", "PersonalData", "Postgres", "TestSupport", crypto, logging]),
            tests("Database", ["EventSourcing", "EventStore", "Postgres", "TestSupport", logging]),
            .executableTarget(
                name: "closter-test-writer", dependencies: ["EventSourcing", "EventStore", "Postgres", logging],
                path: "Tests/Writer", swiftSettings: settings),
            tests(
                "EventStore",
                [
                    "EventSourcing", "EventStore", "JSON", "Postgres", "TestSupport", "closter-test-writer", logging,
                    subprocess, system,
                ]),
            tests("Runtime", ["Runtime", "TestSupport", lifecycle, logging, metrics]),
            tests(
                "Identity",
                [
                    "EventSourcing", "Identity", "JSON", "Postgres", "TestSupport", asyncHTTPClient, crypto,
                    hummingbird, jwtKit, logging, nioCore,
                ]),
            .executableTarget(
                name: "closter-test-edge", dependencies: ["Edge", "Runtime", httpTypes, hummingbird, nioCore],
                path: "Tests/EdgeServer", swiftSettings: settings),
            tests(
                "Edge",
                [
                    "CNGHTTP2", "Edge", "EventSourcing", "Identity", "JSON", "Postgres", "Runtime", "TestSupport",
                    httpTypes, hummingbird, hummingbirdTesting, lifecycle, logging, metrics, nioCore, nioPosix,
                    subprocess, system,
                ]),
            .target(
                name: "FuzzClient", path: "Tests/Fuzz/Client",
                cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)],
                linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
            .executableTarget(
                name: "closter-fuzz",
                dependencies: [
                    "Edge", "FuzzClient", "Runtime", deque, httpTypes, hummingbird, logging, nioCore, nioEmbedded,
                ],
                path: "Tests/Fuzz", exclude: ["Client", "corpus", "corpus.py"], swiftSettings: settings),
            tests(
                "Command",
                [
                    "Command", "Documents", "Edge", "EventSourcing", "EventStore", "Events", "Identity", "JSON",
                    "PersonalData", "Photos", "Postgres", "TestSupport", hummingbird, httpTypes, logging,
                ]),
            tests(
                "Projector",
                [
                    "Documents", "EventSourcing", "EventStore", "Events", "JSON", "Postgres", "Projector",
                    "TestSupport", logging,
                ]),
            tests(
                "Query",
                [
                    "Documents", "Edge", "EventSourcing", "Identity", "JSON", "PersonalData", "Photos", "Postgres",
                    "Query",
                    "Runtime", "TestSupport", asyncHTTPClient, httpTypes, lifecycle, logging, nioCore,
                ]),
            tests(
                "Operator",
                [
                    "Command", "Documents", "EventSourcing", "EventStore", "Events", "Identity", "JSON", "Operator",
                    "Postgres", "Projector", "TestSupport", argumentParser, logging, nioCore, nioHTTP1, nioPosix,
                ]),
            tests(
                "System",
                [
                    "Command", "Documents", "EventSourcing", "EventStore", "Identity", "JSON", "Photos", "Ports",
                    "Postgres", "Projector", "TestSupport", asyncHTTPClient, logging, nioCore, nioHTTP1, subprocess,
                    system,
                ]),
            tests(
                "Simulation",
                ["EventSourcing", "EventStore", "Events", "JSON", "Postgres", "Projector", "TestSupport", logging]),
            tests("Faults", ["Documents", "EventSourcing", "JSON", "Postgres", "Projector", "TestSupport", logging]),
        ]
)
