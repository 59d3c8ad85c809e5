// emergency_en.js - the words of emergency access in English.
export default {
    'emergency.title': 'Emergency access',
    'emergency.text':
        'Opens one patient’s images and reports at one hospital to you alone, for {hours} hours, without a consent. The hospital is told at once, and every access is reviewed.',
    'emergency.hospital': 'Hospital',
    'emergency.choose': 'Choose a hospital',
    'emergency.number': 'Patient number there',
    'emergency.or': 'or, when it is not known',
    'emergency.kana': 'Name in kana',
    'emergency.birth': 'Birth date',
    'emergency.reason': 'Reason (told to the hospital)',
    'emergency.send': 'Open in an emergency',
    'emergency.cancel': 'Cancel',
    'emergency.reasonShort': 'Write the reason in at least {n} characters.',
    'emergency.who': 'Enter the patient number there, or kana name and birth date.',
    'emergency.notFound': 'No such patient at this hospital.',
    'emergency.fault': 'It was not taken. Check what you entered.',
};
