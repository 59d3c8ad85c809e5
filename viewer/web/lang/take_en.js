// take_en.js - the words of taking a picture along in English.
export default {
    'take.title': 'Take this picture along',
    'take.text': 'The whole slice as it is windowed, with patient, hospital, your name and the purpose below it. That you took it is recorded.',
    'take.purpose': 'What for?',
    'take.care': 'For care',
    'take.explanation': 'To explain to the patient',
    'take.conference': 'For a case conference',
    'take.marks': 'With the marks that are drawn on it',
    'take.copy': 'Copy',
    'take.save': 'Save as PNG',
    'take.print': 'Print',
    'take.making': 'One moment…',
    'take.done.copy': 'The picture is in the clipboard.',
    'take.done.save': 'Saved to the downloads.',
    'take.done.print': '',
    'take.notAllowed': 'The hospital or the consent does not allow pictures of this study to be taken along, or your role does not.',
};
