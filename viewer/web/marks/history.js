// history.js - what can be undone and done again. Pure. A step is {before, after}: a mark as it was and as it became; null for none.

const MAX_STEPS = 200;

export class History {
    #done = [];
    #undone = [];

    get canUndo() {
        return this.#done.length > 0;
    }

    get canRedo() {
        return this.#undone.length > 0;
    }

    add(before, after) {
        this.#done.push({ before, after });
        if (this.#done.length > MAX_STEPS) this.#done.shift();
        this.#undone.length = 0;
    }

    /** The change to make now: {from, to}, null when there is nothing left. */
    undo() {
        const step = this.#done.pop();
        if (!step) return null;
        this.#undone.push(step);
        return { from: step.after, to: step.before };
    }

    redo() {
        const step = this.#undone.pop();
        if (!step) return null;
        this.#done.push(step);
        return { from: step.before, to: step.after };
    }

    /** A mark that was deleted and came back has a new id: older steps mean it too. */
    rename(from, to) {
        const renamed = (mark) => (mark?.id === from ? { ...mark, id: to } : mark);
        for (const steps of [this.#done, this.#undone])
            steps.forEach((step, index) => (steps[index] = { before: renamed(step.before), after: renamed(step.after) }));
    }
}
