import Foundation
import Query

/// The read-switch file on disk.
struct SwitchFile: Sendable {
    /// Where it lies, whatever links lead to it.
    let path: String

    init(path: String) { self.path = URL(filePath: path).resolvingSymlinksInPath().path }

    /// Nil where there is no file.
    func text() throws(ToolFailure) -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else { throw ToolFailure("cannot read \(path)") }
        return String(decoding: data, as: UTF8.self)
    }

    func parse(_ text: String) throws(ToolFailure) -> ReadSwitches {
        do throws(ReadSwitchesError) {
            return try ReadSwitches.parse(text)
        } catch {
            throw ToolFailure("\(path): \(error)")
        }
    }

    /// Puts the switches in the place of what was there, in one step, so that no reader meets half a file; what was
    /// there goes to `<path>.bak`, and its mode stays.
    func write(_ switches: ReadSwitches, replacing text: String?) throws(ToolFailure) {
        let yaml = switches.yaml
        // What is written must be what is meant, and no reader may refuse it.
        guard try parse(yaml) == switches else {
            throw ToolFailure("these switches cannot be written down: this is a defect of the tool")
        }
        do {
            let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            if let text { try Data(text.utf8).write(to: URL(filePath: path + ".bak"), options: .atomic) }
            let fresh = path + ".new"
            try Data(yaml.utf8).write(to: URL(filePath: fresh))
            try FileManager.default.setAttributes([.posixPermissions: mode ?? 0o644], ofItemAtPath: fresh)
            guard rename(fresh, path) == 0 else { throw ToolFailure("cannot replace \(path)") }
        } catch let failure as ToolFailure {
            throw failure
        } catch {
            throw ToolFailure("cannot write \(path): \(error.localizedDescription)")
        }
    }
}
