import InsightsEngine
import InsightsPlugin
import Testing

/// An attempt's life: retry, timeout, cancel, lost answers.
@Suite struct PlannerAttemptTests {
    private func running(_ change: @escaping (inout Policy) -> Void = { _ in }) -> PlannerDesk {
        let desk = PlannerDesk([task("a", .every(100_000), change)])
        desk.go(0)
        return desk
    }

    @Test("an older run that is the last to succeed does not take the last success back")
    func olderSuccess() {
        let desk = PlannerDesk([task("a", .every(10)) { $0.overlap = .allow }])
        desk.go(0)
        desk.go(10)
        for run in ["a2", "a1"] {
            desk.end(run)
            desk.settle()
        }
        #expect(desk.planner.lastSuccesses().map(\.1) == [at(10)])
    }

    @Test("an attempt starts with its claim, under fence 1, with what the run is given")
    func spec() {
        let desk = PlannerDesk([task("a", .every(100)) { $0.timeout = .seconds(40) }]) {
            $0["a"]!.lastOccurrence = at(-100)
            $0["a"]!.lastSuccessAt = at(-300)
        }
        desk.go(2)
        let spec = desk.specs[0]
        #expect(spec.scheduledAt == at(0))
        #expect(spec.fence == 1)
        #expect(spec.deadline == at(42))
        #expect(spec.lastSuccessAt == at(-300))
        #expect(spec.trigger == .catchUp)
    }

    @Test("code runs only once its claim is durable, and an end is told only once it is")
    func durability() {
        let desk = PlannerDesk([task("a", .every(100))])
        #expect(desk.tick(0) == ["claim a1 @0 cadence start"])
        #expect(desk.settle() == ["run a1 attempt 1"])
        #expect(desk.takeObserved() == ["started a1 attempt 1 cadence late 0ms"])
        desk.end("a1")
        #expect(desk.takeObserved() == [])
        desk.settle()
        #expect(desk.takeObserved() == ["finished a1 succeeded"])
        #expect(desk.planner.lastSuccesses().map(\.1) == [at(0)])
    }

    @Test("a failure without attempts left ends the run")
    func failure() {
        let desk = running()
        #expect(desk.fail("a1") == ["finish a1 failed"])
        desk.settle()
        #expect(desk.takeObserved().last == "finished a1 failed broken")
    }

    @Test("a failure with attempts left is retried, under the next fence, until there are none")
    func retry() {
        let desk = running { $0.retry = Retry(attempts: 3, delay: .zero) }
        #expect(
            desk.fail("a1") + desk.settle() == ["finish a1 retrying @0", "start a1 attempt 2", "run a1 attempt 2"])
        #expect(desk.specs.last?.fence == 2)
        #expect(desk.takeObserved().suffix(2) == ["retrying a1 after attempt 1", "started a1 attempt 2 cadence"])
        #expect(
            desk.fail("a1") + desk.settle() == ["finish a1 retrying @0", "start a1 attempt 3", "run a1 attempt 3"])
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 failed"])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("the delay is drawn from nothing to a bound that grows by the factor up to the longest")
    func backoff() {
        var longest: [Int64] = [0, 0, 0]
        for seed in 0..<200 {
            let desk = PlannerDesk(seed: UInt64(seed))
            desk.load([
                task("a", .every(100_000)) {
                    $0.retry = Retry(attempts: 4, delay: .seconds(10), factor: 3, maxDelay: .seconds(50))
                }
            ])
            desk.go(0)
            for attempt in 0..<3 {
                desk.fail("a1")
                guard case .finish(let finish) = desk.writes.last, case .retrying(let instant) = finish.disposition
                else { return #expect(Bool(false), "no retry") }
                let delay = instant.since(desk.now.wall).wholeMilliseconds
                #expect((0...[10_000, 30_000, 50_000][attempt]).contains(delay))
                longest[attempt] = max(longest[attempt], delay)
                desk.settle()
                desk.go(Double(desk.now.wall.milliseconds - origin.milliseconds + delay) / 1000)
            }
        }
        #expect(longest[0] > 9000 && longest[1] > 27_000 && longest[2] > 45_000)
    }

    @Test("a failure that says when is not tried before that")
    func retryAt() {
        let desk = running { $0.retry = Retry(attempts: 2, delay: .seconds(1)) }
        #expect(desk.fail("a1", retryAt: at(777)) == ["finish a1 retrying @777"])
        desk.settle()
        #expect(desk.go(776.9) == [])
        #expect(desk.go(777) == ["start a1 attempt 2", "run a1 attempt 2"])
    }

    @Test("a failure that is not retryable ends the run at once")
    func notRetryable() {
        let desk = running { $0.retry = Retry(attempts: 5) }
        #expect(desk.fail("a1", retryable: false) == ["finish a1 failed"])
    }

    @Test("code that gives up without being asked has failed")
    func gaveUp() {
        let desk = running()
        #expect(desk.end("a1", .cancelled) + desk.settle() == ["finish a1 failed"])
        #expect(desk.takeObserved().last == "finished a1 failed cancelled")
    }

    @Test("at the deadline timed_out is recorded at once, and counts as failed for retry")
    func timeout() {
        let desk = running {
            $0.timeout = .seconds(10)
            $0.retry = Retry(attempts: 2, delay: .zero)
        }
        #expect(desk.go(10) == ["abort a1", "finish a1 retrying @10"])
        #expect(desk.end("a1", .cancelled) == ["start a1 attempt 2"])
        #expect(desk.settle() == ["run a1 attempt 2"])
        #expect(desk.go(20) == ["abort a1", "finish a1 timed_out"])
        #expect(desk.end("a1") == [])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("no further attempt starts beside code that has not come back; the late code is told from the new one")
    func stubborn() {
        let desk = running {
            $0.timeout = .seconds(10)
            $0.retry = Retry(attempts: 2, delay: .zero)
        }
        desk.go(10)
        let late = desk.slot("a1")
        #expect(desk.go(14) == [])
        #expect(desk.go(15) == ["abandon a1", "start a1 attempt 2", "run a1 attempt 2"])
        #expect(desk.tell(.ended(late, .succeeded(summary: nil))) == [])
        #expect(desk.planner.activeRuns == 1)
    }

    @Test("code that succeeds before it notices its cancellation has succeeded, but not after its deadline")
    func lateSuccess() {
        let desk = running()
        #expect(desk.cancel("a1") == ["abort a1"])
        #expect(desk.end("a1") == ["finish a1 succeeded"])
        let slow = running { $0.timeout = .seconds(1) }
        slow.go(1)
        #expect(slow.end("a1") == [])
    }

    @Test("what cannot be stored fails the run, with the store's reason and without another attempt")
    func rejected() {
        let desk = running { $0.retry = Retry(attempts: 3) }
        desk.end("a1")
        let error = RunError(code: "metric", message: "it changed its shape", isRetryable: false)
        #expect(desk.settleOne(.rejected(error)) == ["finish a1 failed"])
        desk.settle()
        #expect(desk.takeObserved().last == "finished a1 failed metric")
    }

    @Test("a failure that cannot be stored either is left to the next process")
    func rejectedTwice() {
        let desk = running()
        desk.end("a1")
        let error = RunError(code: "metric", message: "", isRetryable: false)
        desk.settleOne(.rejected(error))
        #expect(desk.settleOne(.rejected(error)) == [])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("an end that is fenced off is forgotten")
    func fenced() {
        let desk = running()
        desk.end("a1")
        _ = desk.takeObserved()
        #expect(desk.settle(.fenced) == [])
        #expect(desk.takeObserved() == ["refused a1"])
        #expect(desk.planner.lastSuccesses().isEmpty)
    }

    @Test("late and doubled events are ignored")
    func doubled() {
        let desk = running()
        let slot = desk.slot("a1")
        #expect(desk.tell(.settled(slot, .claim, .done)) == [])
        desk.end("a1")
        #expect(desk.end("a1") == [])
        desk.settle()
        #expect(desk.tell(.settled(slot, .finish, .done)) == [])
        #expect(desk.tell(.ended(slot, .cancelled)) == [])
    }
}

/// `insights cancel`.
@Suite struct PlannerCancelTests {
    @Test("a running attempt is cancelled, and the run ends cancelled when its code is back, without a retry")
    func running() {
        let desk = PlannerDesk([task("a", .every(1000)) { $0.retry = Retry(attempts: 3) }])
        desk.go(0)
        #expect(desk.cancel("a1") == ["abort a1"])
        #expect(desk.cancel("a1") == [])
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 cancelled (operator)"])
    }

    @Test("or five seconds later")
    func stubborn() {
        let desk = PlannerDesk([task("a", .every(1000))])
        desk.go(0)
        desk.cancel("a1")
        #expect(desk.go(5) == ["abandon a1", "finish a1 cancelled (operator)"])
    }

    @Test("a queued run ends at once, one whose claim is under way with its answer, without starting")
    func queued() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(1000))], concurrency: 1)
        desk.go(0)
        #expect(desk.cancel("b1") + desk.settle() == ["finish b1 cancelled (operator)"])
        let early = PlannerDesk([task("a", .every(1000))])
        early.tick(0)
        #expect(early.cancel("a1") == [])
        #expect(early.settle() == ["finish a1 cancelled (operator)"])
        #expect(early.specs.isEmpty)
    }

    @Test("a run between attempts ends at once, also when its record is under way")
    func retrying() {
        let desk = PlannerDesk([task("a", .every(1000)) { $0.retry = Retry(attempts: 3) }])
        desk.go(0)
        desk.fail("a1", retryAt: at(100))
        #expect(desk.cancel("a1") == [])
        #expect(desk.settle() == ["finish a1 cancelled (operator)"])
        #expect(desk.go(200) == [])
    }

    @Test("a run that timed out and would be tried again is cancelled while its code is still going")
    func lingering() {
        let desk = PlannerDesk([
            task("a", .every(1000)) {
                $0.retry = Retry(attempts: 3, delay: .zero)
                $0.timeout = .seconds(10)
            }
        ])
        desk.go(0)
        desk.go(10)
        #expect(desk.cancel("a1") == [])
        #expect(desk.end("a1", .cancelled) == ["finish a1 cancelled (operator)"])
    }

    @Test("a run that is over, or that nobody knows, is left alone")
    func unknown() {
        let desk = PlannerDesk([task("a", .every(1000))])
        desk.go(0)
        desk.end("a1")
        #expect(desk.cancel("a1") == [])
        #expect(desk.tell(.cancel(RunID(high: 1, low: 1))) == [])
    }
}
