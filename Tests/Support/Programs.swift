import Foundation

/// Where the built programs are: beside the test bundle, unless CLOSTER_TEST_BIN says otherwise.
public enum Programs {
    public static func path(_ name: String) -> String {
        let folder =
            ProcessInfo.processInfo.environment["CLOSTER_TEST_BIN"]
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
        return folder + "/" + name
    }
}
