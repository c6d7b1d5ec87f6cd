import InsightsEngine
import InsightsPlugin

extension Simulation {
    func inflict(_ fault: Fault) {
        switch fault {
        case .crash: if planner != nil { die() }
        case .crashAfterCommit, .crashBeforeCommit, .storeErrorBeforeCommit, .storeErrorAfterCommit:
            commitFaults.append(fault)
        case .storeOutage: outageUntil = uptime + Int64.random(in: 1000...scenario.unit * 6, using: &random)
        case .slowStore: slowUntil = uptime + Int64.random(in: 1000...scenario.unit * 4, using: &random)
        case .clockBack: step(by: -Int64.random(in: 1...5 * scenario.unit, using: &random))
        case .clockForward: step(by: Int64.random(in: 1...8 * scenario.unit, using: &random))
        case .wrongClock:
            let length = Int64.random(in: 1...40 * scenario.unit, using: &random)
            step(by: length)
            let later = uptime + Int64.random(in: 1...4 * scenario.unit, using: &random)
            plan(min(later, scenario.length), .step(-length))
        case .suspend:
            let length = Int64.random(in: 1000...8 * scenario.unit, using: &random)
            uptime += length
            // Asleep nothing is noticed.
            steppedAt? += length
            watch.slept(length, self)
        case .reload:
            file = scenario.changed(file, &random)
            reload()
        case .shutdown: shutDown()
        case .moduleHang, .moduleStubborn, .moduleFailure: moduleFaults.append(fault)
        case .deadWriter:
            // Besides, every crash and every attempt that is given up may leave one.
            guard let row = store.rows.filter({ $0.attempt > 0 }).randomElement(using: &random) else { return }
            let fence = row.status.isFinal ? row.fence : row.fence - 1
            deadWrite(row.run, row.task, row.status.isFinal ? row.attempt : row.attempt - 1, fence)
        case .earlyTimer: earlyTimers = 3
        case .pause:
            let name = file.randomElement(using: &random)?.name
            if let name {
                setPaused(name, true)
                let length = Int64.random(in: 1000...8 * scenario.unit, using: &random)
                plan(min(uptime + length, scenario.length), .resume(name))
            }
        case .resume: for task in file { setPaused(task.name, false) }
        case .trigger, .triggerTogether, .cancel: ask(fault)
        }
    }

    func step(by milliseconds: Int64) {
        offset += milliseconds
        steppedAt = uptime
    }

    private func shutDown() {
        guard planner != nil, !isStopping else { return }
        isStopping = true
        watch.stopping(self)
        let grace = Int64.random(in: 0...scenario.unit, using: &random)
        plan(uptime + grace, .graceOver)
        deliver([.shutdown])
    }

    private func ask(_ fault: Fault) {
        guard planner != nil, let name = file.randomElement(using: &random)?.name else { return }
        switch fault {
        case .trigger: deliver([trigger(name, dependents: random.chance(0.5), group: nil)])
        case .triggerTogether:
            let names = file.map(\.name).shuffled(using: &random).filter { _ in random.chance(0.8) }
            let group = random.next() | 1
            let dependents = random.chance(0.7)
            deliver(names.map { trigger($0, dependents: dependents, group: group) })
        default:
            guard let row = store.rows.filter({ !$0.status.isFinal }).randomElement(using: &random) else { return }
            watch.cancelled(row.run, self)
            deliver([.cancel(row.run)])
        }
    }
}
