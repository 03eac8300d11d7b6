"""Runs the unittests of one file and prints TAP."""
import importlib.util
import os
import sys
import traceback
import unittest


class Tap(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def say(self, good, test, note="", details=""):
        self.number += 1
        print("%s %d - %s%s" % ("ok" if good else "not ok", self.number, test.id(), note), flush=True)
        for line in details.splitlines():
            print("# " + line, flush=True)

    def addSuccess(self, test):
        self.say(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(False, test, details="".join(traceback.format_exception(*err)))

    def addError(self, test, err):
        super().addError(test, err)
        self.say(False, test, details="".join(traceback.format_exception(*err)))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say(False, subtest, details="".join(traceback.format_exception(*err)))

    def addExpectedFailure(self, test, err):
        self.say(True, test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.say(False, test, details="it should fail, and does not")

    def addSkip(self, test, reason):
        self.say(True, test, " # SKIP " + reason)


def main():
    path = os.path.abspath(sys.argv[1])
    sys.path.insert(0, os.path.dirname(path))
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    result = Tap()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    print("1..%d" % result.number)
    return 0 if result.number and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
